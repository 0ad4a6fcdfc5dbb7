// Every page loads this.

import "./dialog.js";
import "./forms.js";
import "./live.js";
import { remember, zone } from "./page.js";

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (here && here !== zone) {
  remember("csms_zone", here);
  // Once only: a zone that the server does not know must not have the page load for ever.
  if (!sessionStorage.getItem("zone-told") && document.querySelector("time")) {
    sessionStorage.setItem("zone-told", here);
    location.reload();
  }
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]");
  if (!choice) return;
  const theme = choice.dataset.themeChoice;
  remember("csms_theme", theme);
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button === choice));
  }
});

// Filters that need no button.
document.addEventListener("change", (event) => {
  if (event.target.matches("form.filters select[data-now]")) event.target.form.requestSubmit();
});

// Menus close when something else is pressed.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.account[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.account[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
