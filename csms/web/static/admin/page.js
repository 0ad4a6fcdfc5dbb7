// What the server says to the scripts of a page, and what all of them use.

const page = JSON.parse(document.getElementById("page").textContent);

/** A text in the language of the page; {0}, {1}, ... are filled in. */
export function t(text, ...values) {
  const translated = page.texts[text] ?? text;
  return values.reduce((filled, value, index) => filled.replace(`{${index}}`, value), translated);
}

/** A path of the server, under the prefix of the proxy. */
export const path = (rest) => page.root + rest;

export const xsrf = page.xsrf;
export const zone = page.zone;

/** An element with text in it; never HTML. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
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
