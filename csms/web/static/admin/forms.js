// Forms that send their fields to the admin REST as JSON.
//
// <form data-api="POST" action="/admin/..." data-then="reload | stay | /path/{id}">
//   <input name="payload.connectorId" data-type="integer">   text, integer, number, boolean, json,
//                                                             time, list; a dot makes an object
//   <input name="note" data-empty="null">                    what an empty field is sent as; left
//                                                             out unless this says null
//   <input name="note" data-unchanged="omit">                left out unless it was changed
//   <output>                                                 where the answer is shown

import { Problem, element, rest, t } from "./page.js";

const READERS = {
  text: (value) => value,
  integer: (value) => (/^[+-]?\d+$/.test(value.trim()) ? Number(value) : value),
  number: (value) => (value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value),
  boolean: (value) => value === "true",
  time: (value) => new Date(value).toISOString(),
  list: (value) => value.split(/[\n,]/).map((item) => item.trim()).filter(Boolean),
  json: (value) => JSON.parse(value),
};

/** The fields of a form as an object. Throws a Problem that names the field. */
export function read(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.name.startsWith("_")) continue;
    if (field.type === "radio" && !field.checked) continue;
    if (field.dataset.unchanged === "omit" && field.value === field.defaultValue) continue;
    let value = field.type === "checkbox" ? String(field.checked) : field.value;
    const type = field.dataset.type ?? (field.type === "checkbox" ? "boolean" : "text");
    if (value === "") {
      if (field.dataset.empty !== "null") continue;
      value = null;
    } else {
      try {
        value = READERS[type](value);
      } catch {
        throw new Problem({ title: t("This is not valid JSON."), errors: [{ field: field.name, message: t("This is not valid JSON.") }] });
      }
    }
    place(body, field.name.split("."), value);
  }
  return body;
}

function place(body, names, value) {
  const last = names.pop();
  for (const name of names) body = body[name] ??= {};
  body[last] = value;
}

/** Show what is wrong: at the fields it names, and the rest in the form's output. */
export function showProblem(form, problem) {
  const unplaced = [];
  for (const { field, message } of problem.errors ?? []) {
    const input = fieldOf(form, field);
    if (input) mark(input, t(message));
    else unplaced.push(`${field}: ${t(message)}`);
  }
  const text = [problem.message, problem.errors?.length ? "" : t(problem.detail ?? ""), ...unplaced];
  say(form, "bad", text.filter(Boolean).join(" · "));
  form.querySelector("[aria-invalid=true]")?.focus();
}

function fieldOf(form, name) {
  const names = [name, `payload.${name}`, name.split(".")[0], `payload.${name.split(".")[0]}`];
  return names.map((n) => form.elements.namedItem(n)).find((found) => found instanceof HTMLElement && found.type !== "hidden");
}

function mark(input, message) {
  const id = `${input.id || input.name}-error`;
  const error = element("p", { class: "field-error", id, "data-kept": "" }, message);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-errormessage", id);
  input.after(error);
}

function unmark(form) {
  form.querySelectorAll(".field-error").forEach((error) => error.remove());
  form.querySelectorAll("[aria-invalid]").forEach((input) => input.removeAttribute("aria-invalid"));
}

export function say(form, kind, text, ...more) {
  let output = form.querySelector("output");
  if (!output) {
    output = element("output");
    form.append(output);
  }
  output.dataset.kept = "";
  output.replaceChildren(element("p", { class: `message ${kind}` }, text), ...more);
}

/** Send a form; returns the answer, or undefined when there was a problem, which is shown. */
export async function send(form, submitter) {
  const question = submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !confirm(question)) return undefined;
  unmark(form);
  const buttons = [...form.querySelectorAll("button:not(:disabled)")];
  buttons.forEach((button) => (button.disabled = true));
  form.setAttribute("aria-busy", "true");
  say(form, "", t("Working…"));
  try {
    const method = form.dataset.api;
    const body = method === "DELETE" || form.dataset.body === "none" ? undefined : read(form);
    const answer = await rest(method, form.getAttribute("action"), body);
    say(form, "good", form.dataset.said ?? t("Done"));
    return answer ?? null;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showProblem(form, problem);
    return undefined;
  } finally {
    form.removeAttribute("aria-busy");
    buttons.forEach((button) => (button.disabled = false));
  }
}

// A secret that the server tells only now.
function showOnce(form, secret) {
  const shown = element("input", { readonly: "", value: secret, class: "mono", "aria-label": t("This is the only time that it is shown. Keep it safe:") });
  const copy = element("button", { type: "button" }, t("Copy"));
  copy.addEventListener("click", async () => {
    shown.select();
    await navigator.clipboard?.writeText(secret).catch(() => undefined);
    copy.textContent = t("Copied");
  });
  say(form, "good", t("This is the only time that it is shown. Keep it safe:"), shown, copy);
}

async function submitted(event) {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  const answer = await send(form, event.submitter);
  if (answer === undefined) return;
  form.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: answer }));
  if (form.dataset.once) showOnce(form, answer[form.dataset.once]);
  const then = form.dataset.then ?? "reload";
  if (then === "reload") location.reload();
  else if (then !== "stay") {
    location.href = then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name]));
  }
}

document.addEventListener("submit", submitted);
