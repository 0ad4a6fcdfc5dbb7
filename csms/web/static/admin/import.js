// The import of a CSV file: first a preview that writes nothing, then the import itself.

import { element, fill, t, xsrf } from "./page.js";

const SHOWN = 200;

const form = document.getElementById("import");
const go = document.getElementById("go");
const file = document.getElementById("file");
const update = document.getElementById("update");
const result = document.getElementById("result");
const bar = result.querySelector("progress");
const texts = JSON.parse(result.dataset.texts);

const part = (id) => document.getElementById(id);

/** Send the file; `onLine` gets every line of the answer as it comes. */
function send(dryRun, onLine) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = new URLSearchParams({ dryRun, update: update.checked });
    request.open("POST", `${form.action}?${query}`);
    request.setRequestHeader("Content-Type", "text/csv");
    request.setRequestHeader("Accept", "application/x-ndjson");
    request.setRequestHeader("X-XSRFToken", xsrf);
    let done = 0;
    const read = () => {
      const end = request.responseText.lastIndexOf("\n") + 1;
      for (const line of request.responseText.slice(done, end).split("\n")) if (line) onLine(JSON.parse(line));
      done = end;
    };
    request.upload.onprogress = ({ loaded, total }) => {
      part("status").textContent = t("Uploading…");
      bar.value = (50 * loaded) / total;
    };
    request.onprogress = () => request.status === 200 && read();
    request.onerror = () => reject(new Error(t("The server cannot be reached.")));
    request.onload = () => {
      if (request.status === 200) {
        read();
        resolve();
        return;
      }
      const problem = JSON.parse(request.responseText || "{}");
      const fields = (problem.errors ?? []).map((error) => `${error.field}: ${t(error.message)}`);
      reject(new Error([t(problem.title ?? `HTTP ${request.status}`), ...(fields.length ? fields : [t(problem.detail ?? "")])].join(" · ")));
    };
    request.send(file.files[0]);
  });
}

async function run(dryRun) {
  const counts = { created: 0, changed: 0, unchanged: 0, rejected: 0 };
  const rejected = [];
  const rows = [];
  let read;
  let fault;
  let next = 0;
  go.hidden = true;
  result.hidden = false;
  bar.hidden = false;
  bar.value = 0;
  part("result-title").textContent = dryRun ? texts.preview : texts.done;
  for (const id of ["ignored", "status", "counts", "after", "rows"]) part(id).replaceChildren();
  for (const control of form.elements) control.disabled = true;
  try {
    await send(dryRun, (line) => {
      if (line.file) {
        read = line.file;
        showIgnored(read.unknownColumns);
      } else if (line.error) fault = t(line.error.detail ?? line.error.title);
      else if (line.row) {
        counts[line.result] += 1;
        if (line.result === "rejected") rejected.push(line);
        if ((line.result !== "unchanged" || line.notes.length) && rows.length < SHOWN) rows.push(line);
        if (performance.now() > next) {
          next = performance.now() + 200;
          const done = Object.values(counts).reduce((a, b) => a + b);
          part("status").textContent = t("{0} rows so far", done);
          bar.value = 50 + 50 * (1 - 1 / (1 + done / 5000));
        }
      }
    });
  } catch (error) {
    fault = error.message;
  }
  for (const control of form.elements) control.disabled = false;
  bar.hidden = true;
  show(dryRun, counts, rows, rejected, read, fault);
}

function showIgnored(columns) {
  if (columns.length) part("ignored").append(element("p", { class: "message warn" }, fill(texts.unknown, [columns.join(", ")])));
}

function show(dryRun, counts, rows, rejected, read, fault) {
  part("status").replaceChildren(...(fault ? [element("span", { class: "message bad", role: "alert" }, fault)] : []));
  if (read) part("status").append(fill(texts.read, [read.encoding, texts[read.delimiter]]));
  for (const [name, count] of Object.entries(counts)) {
    const bad = name === "rejected" && count ? " bad" : "";
    part("counts").append(element("div", { class: `tile${bad}`, "data-count": name }, element("b", {}, count.toLocaleString()), element("span", {}, texts[name])));
  }
  if (rejected.length) part("after").append(download(rejected));
  if (!dryRun && !fault) part("after").append(element("a", { class: "button", href: form.dataset.back }, texts.list));
  go.hidden = !dryRun || Boolean(fault) || counts.created + counts.changed === 0;
  if (rows.length) part("rows").append(table(rows));
  if (rows.length === SHOWN) part("rows").prepend(element("p", { class: "soft" }, fill(texts.more, [SHOWN])));
  if (!go.hidden) go.focus();
}

function table(rows) {
  const titles = [texts.row, texts.id, texts.result, texts.what];
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  const body = rows.map((row) => {
    const kind = { created: "good", changed: "busy", rejected: "bad" }[row.result];
    const cells = [String(row.row), row.id ?? "–", element("span", { class: `badge ${kind}` }, texts[row.result]), what(row)];
    return element("tr", {}, ...cells.map((cell, i) => element("td", { "data-label": titles[i] }, cell)));
  });
  return element("table", { class: "cards" }, element("thead", {}, head), element("tbody", {}, ...body));
}

const said = ({ field, message }) => `${field}: ${t(message)}`;

function what(row) {
  const shown = (value) => (value === null ? texts.nothing : String(value));
  const changes = Object.entries(row.changes).map(([name, { from, to }]) => `${name}: ${shown(from)} → ${shown(to)}`);
  const lines = [[...row.errors.map(said), ...changes].join("; ")].filter(Boolean);
  const notes = row.notes.map((note) => element("span", { class: "soft block" }, `${texts.note}: ${said(note)}`));
  return element("span", {}, ...lines, ...notes);
}

// A spreadsheet must not run what is in a cell.
const cell = (value) => `"${String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

function download(rejected) {
  const head = ["inRow", "inLine", "ofId", "field", "reason"].map((name) => texts[name]);
  const lines = [head, ...rejected.flatMap((row) => row.errors.map((e) => [row.row, row.line, row.id, e.field, t(e.message)]))];
  const text = `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  return element("a", { class: "button", href: url, download: "rejected.csv" }, texts.download);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run(true);
});
go.addEventListener("click", () => run(false));
file.addEventListener("change", () => (go.hidden = true));
update.addEventListener("change", () => (go.hidden = true));
