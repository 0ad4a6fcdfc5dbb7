// Links with `data-dialog` open in the page's dialog: the main part of the page that they lead to.

import { element } from "./page.js";

const dialog = document.getElementById("dialog");

async function open(link) {
  const answer = await fetch(link.href, { credentials: "same-origin" });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = found.querySelector("main");
  if (!answer.ok && !main) {
    location.href = link.href;
    return;
  }
  main.querySelector("h1")?.setAttribute("id", "dialog-title");
  const close = element("button", { type: "button", class: "close", "aria-label": dialog.dataset.close }, "✕");
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(close, ...main.children);
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden]), select, textarea, button.main")?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link);
});
dialog?.addEventListener("click", (event) => event.target === dialog && dialog.close());
