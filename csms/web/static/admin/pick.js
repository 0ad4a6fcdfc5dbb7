// Inputs with `data-pick="ID"`: what is chosen from their list becomes a ticked box in that element,
// so that several can be chosen. Unticked ones are left out when the form is sent.

import { element } from "./page.js";

function isThere(box, value) {
  return [...box.querySelectorAll("input")].find((input) => input.value === value);
}

function pick(input) {
  const value = input.value.trim();
  if (![...input.list.options].some((option) => option.value === value)) return;
  const box = document.getElementById(input.dataset.pick);
  const there = isThere(box, value);
  if (there) there.checked = true;
  else {
    const tick = element("input", { type: "checkbox", name: input.name, value });
    tick.checked = true;
    box.append(element("label", { class: "check chip" }, tick, ` ${value}`));
  }
  input.value = "";
}

for (const input of document.querySelectorAll("input[data-pick]")) {
  input.addEventListener("input", (event) => {
    // Typing brings letters; a choice from the list brings the whole text at once.
    if (event.inputType === undefined || event.inputType === "insertReplacementText") pick(input);
  });
  input.addEventListener("change", () => pick(input));
}
