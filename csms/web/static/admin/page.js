// What the server says to the scripts of a page, and what all of them use.

const page = JSON.parse(document.getElementById("page").textContent);

/** A text in the language of the page; {0}, {1}, ... are filled in. */
export function t(text, ...values) {
  return fill(page.texts[text] ?? (values.length ? text : translated(text)), values);
}

/** Put values in the places of {0}, {1}, ... */
export const fill = (text, values) => text.replace(/\{(\d)\}/g, (place, index) => values[index] ?? place);

let patterns;

// A text of the server with its values filled in already: found by what stands between them.
function translated(text) {
  patterns ??= Object.keys(page.texts)
    .filter((known) => /\{\d\}/.test(known))
    .sort((one, other) => other.length - one.length)
    .map(pattern);
  for (const { regex, places, said } of patterns) {
    const found = regex.exec(text);
    if (!found) continue;
    const values = [];
    // A value of several words may be a text of its own; one word is a name.
    places.forEach((place, i) => (values[place] = found[i + 1].includes(" ") ? t(found[i + 1]) : found[i + 1]));
    return fill(said, values);
  }
  return text;
}

function pattern(known) {
  const parts = known.split(/\{(\d)\}/);
  const literal = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const regex = parts.map((part, i) => (i % 2 ? "([^]*?)" : literal(part))).join("");
  return { regex: new RegExp(`^${regex}$`), places: parts.filter((_, i) => i % 2).map(Number), said: page.texts[known] };
}

/** A path of the server, under the prefix of the proxy. */
export const path = (rest) => page.root + rest;

export const xsrf = page.xsrf;
export const zone = page.zone;

// The same characters as in csms/domain/visible.py: a screen would obey or leave them out.
const HIDDEN =
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}\p{Cs}]|(?<![^\0-\x7f])[\u200c\u200d]/gu;

/** A text with [U+202E] in place of a character that could not be seen. */
export const visible = (text) =>
  text.replace(HIDDEN, (char) => `[U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

/** An element with text in it; never HTML. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

/** Keep a choice of the viewer's, where the server sees it too. */
export function remember(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=${page.root}/; Max-Age=31536000; SameSite=Lax${secure}`;
}

/** Ask the admin REST. Returns what it answered; throws a Problem when that is an error. */
export async function rest(method, url, body, headers = {}) {
  let answer;
  const sent = { Accept: "application/json", ...headers };
  if (method !== "GET") sent["X-XSRFToken"] = xsrf;
  if (body !== undefined && !(body instanceof Blob)) {
    sent["Content-Type"] ??= "application/json";
    body = JSON.stringify(body);
  }
  try {
    answer = await fetch(url, { method, body, headers: sent, credentials: "same-origin" });
  } catch {
    throw new Problem({ title: t("The server cannot be reached.") });
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({ title: `HTTP ${answer.status}` }));
    if (answer.status === 401) problem.detail = t("You are signed out. Sign in again.");
    throw new Problem(problem);
  }
  return answer.status === 204 ? null : answer.json();
}

/** An answer of the REST that says what is wrong (RFC 9457). */
export class Problem extends Error {
  constructor({ title, detail, errors = [] }) {
    super(t(title));
    this.detail = detail && detail !== title ? t(detail) : "";
    this.errors = errors;
  }
}
