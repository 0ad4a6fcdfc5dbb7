// Inputs with `data-suggest` offer what the admin REST finds for the text in them.
//
// <input data-suggest="charge-points | id-tags" list="ID"> <datalist id="ID"></datalist>

import { element, path, rest } from "./page.js";

const WAIT = 200;
const OPTIONS = {
  "charge-points": ({ id, name, stationName }) => [id, [name, stationName].filter(Boolean).join(", ")],
  "id-tags": ({ idTag, note }) => [idTag, note ?? ""],
};

async function suggest(input) {
  const kind = input.dataset.suggest;
  const query = new URLSearchParams({ limit: 20 });
  if (input.value.trim()) query.set("q", input.value.trim());
  const { items } = await rest("GET", path(`/admin/${kind}?${query}`)).catch(() => ({ items: [] }));
  const options = items.map((item) => {
    const [value, label] = OPTIONS[kind](item);
    return element("option", label ? { value, label } : { value });
  });
  input.list.replaceChildren(...options);
}

for (const input of document.querySelectorAll("input[data-suggest]")) {
  let timer;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, WAIT, input);
  };
  input.addEventListener("input", soon);
  input.addEventListener("focus", soon, { once: true });
}
