// Shows what a charge point answered to a command, in the command's form.

import { Problem, element, rest, t } from "./page.js";
import { say, showProblem } from "./forms.js";

const GOOD = new Set(["Accepted", "Unlocked", "Scheduled", "match"]);
const BAD = new Set(["Rejected", "UnlockFailed", "NotSupported", "mismatch", "Failed"]);

function badge(text) {
  const kind = GOOD.has(text) ? "good" : BAD.has(text) ? "bad" : "plain";
  return element("span", { class: `badge ${kind}` }, t(text));
}

function table(titles, rows) {
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, t(title))));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell, i) => element("td", { "data-label": t(titles[i]) }, cell ?? "–"))));
  return element("table", { class: "cards" }, element("thead", {}, head), element("tbody", {}, ...body));
}

const shown = (value) => (value === null || value === undefined ? "–" : String(value));

function verification({ verdict, fields }) {
  const rows = fields.map((f) => [f.field, shown(f.expected), shown(f.reported), badge(f.result), f.source]);
  return [verdict, table(["Field", "On record", "Reported", "Result", "Source"], rows)];
}

function configuration({ response }) {
  const rows = (response.configurationKey ?? []).map((key) => [key.key, shown(key.value), t(key.readonly ? "yes" : "no")]);
  const unknown = response.unknownKey?.length ? [element("p", {}, `${t("Not known to it:")} ${response.unknownKey.join(", ")}`)] : [];
  return ["Accepted", table(["Key", "Value", "Read only"], rows), ...unknown];
}

function connectors({ connectors: found }) {
  return ["Accepted", table(["Connector", "Type", "Status"], found.map((c) => [shown(c.connectorId), t(c.type), badge(c.status ?? "–")]))];
}

function anything(answer) {
  const response = answer?.response ?? answer;
  const rest = element("pre", {}, JSON.stringify(response, null, 2));
  return [response?.status ?? "Done", rest];
}

const SHOWN = { verify: verification, GetConfiguration: configuration, "refresh-connectors": connectors };

document.addEventListener("answered", (event) => {
  const form = event.target;
  const { show } = form.dataset;
  if (!show || !event.detail) return;
  const [status, ...parts] = (SHOWN[show] ?? anything)(event.detail);
  const kind = BAD.has(status) ? "bad" : GOOD.has(status) ? "good" : "";
  say(form, kind, `${t("The charge point answered:")} ${t(status)}`, ...parts);
});

// A file that is uploaded can be chosen at once.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.upload) return;
  event.preventDefault();
  const [file] = form.querySelector("input[type=file]").files;
  const button = form.querySelector("button");
  button.disabled = true;
  say(form, "", t("Uploading…"));
  try {
    const query = new URLSearchParams({ name: file.name });
    const stored = await rest("POST", `${form.dataset.upload}?${query}`, file, { "Content-Type": "application/octet-stream" });
    const select = document.getElementById(form.dataset.into);
    select.append(element("option", { value: stored.id }, stored.name));
    select.value = stored.id;
    say(form, "good", t("Done"));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showProblem(form, problem);
  } finally {
    button.disabled = false;
  }
});
