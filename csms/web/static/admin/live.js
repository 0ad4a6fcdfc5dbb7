// Keeps a page up to date: when the server says that something has changed, the page is asked for
// again, and the parts marked `data-live` (each with an id) are put in place of the old ones.
//
// <body data-live-collections="charge_points,commands" data-live-charge-point="CP1" data-live-every="5">

import { element, path, t } from "./page.js";

const AT_LEAST = 1000;
const SILENT_FOR = 35_000;

const { liveCollections, liveChargePoint, liveEvery } = document.body.dataset;
const state = document.getElementById("live-state");
const listeners = new Set();

let source;
let lastSign = Date.now();
let wanted = new Set();
let running = false;
let lost = false;

/** Call `listener(collections)` when something has changed. */
export function onChange(listener) {
  listeners.add(listener);
}

/** Show the page as the server has it now. */
export async function refresh() {
  const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin" });
  if (answer.redirected && new URL(answer.url).pathname !== location.pathname) {
    say(false, t("You are signed out. Sign in again."));
    return;
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const replacement = fresh.getElementById(old.id);
    if (replacement && !isInUse(old)) morph(old, replacement);
  }
}

// What somebody is filling in stays as it is.
function isInUse(part) {
  const active = document.activeElement;
  return part.contains(active) && active.matches("input, select, textarea");
}

// What forms.js shows, such as an error, stays until the form is sent again.
const isKept = (node) => node.dataset?.kept !== undefined;
const OF_FORMS = new Set(["aria-invalid", "aria-errormessage"]);

// The id of a form with a field named id would be that field.
const idOf = (node) => node.getAttribute?.("id") ?? "";

function isSame(old, fresh) {
  if (old.nodeName !== fresh.nodeName || idOf(old) !== idOf(fresh)) return false;
  return ["action", "data-api"].every((name) => old.nodeName !== "FORM" || old.getAttribute(name) === fresh.getAttribute(name));
}

// Changes only what differs, so that focus, selection and scrolling stay.
function morph(old, fresh) {
  if (old.isEqualNode(fresh) || old.ariaBusy === "true") return;
  if (!isSame(old, fresh)) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes]) {
    const stays = OF_FORMS.has(name) || (old.nodeName === "DETAILS" && name === "open");
    if (!fresh.hasAttribute(name) && !stays) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const keyed = new Map([...old.children].filter(idOf).map((child) => [idOf(child), child]));
  const kept = [...old.children].filter(isKept);
  const behindKept = (node) => (node && isKept(node) ? behindKept(node.nextSibling) : node);
  let place = behindKept(old.firstChild);
  for (const wantedChild of [...fresh.childNodes]) {
    if (kept.some((child) => child.nodeName === "OUTPUT") && wantedChild.nodeName === "OUTPUT") continue;
    const known = keyed.get(idOf(wantedChild));
    if (known) {
      if (known !== place) old.insertBefore(known, place);
      else place = behindKept(place.nextSibling);
      morph(known, wantedChild);
    } else if (place && !idOf(place) && !idOf(wantedChild) && place.nodeName === wantedChild.nodeName) {
      const next = behindKept(place.nextSibling);
      if (place.nodeType === Node.ELEMENT_NODE) morph(place, wantedChild);
      else if (place.nodeValue !== wantedChild.nodeValue) place.nodeValue = wantedChild.nodeValue;
      place = next;
    } else {
      old.insertBefore(document.importNode(wantedChild, true), place);
    }
  }
  while (place) {
    const next = behindKept(place.nextSibling);
    place.remove();
    place = next;
  }
}

function say(isLive, text) {
  state.hidden = false;
  state.className = `live-state ${isLive ? "on" : "off"}`;
  if (state.textContent !== text) state.replaceChildren(element("span", {}, text));
}

async function update() {
  if (running || document.hidden || !wanted.size) return;
  running = true;
  const changed = wanted;
  wanted = new Set();
  try {
    await refresh();
    for (const listener of listeners) listener(changed);
  } catch {
    changed.forEach((name) => wanted.add(name));
  }
  setTimeout(() => {
    running = false;
    update();
  }, AT_LEAST);
}

function changed(collections) {
  collections.forEach((name) => wanted.add(name));
  update();
}

function connect() {
  const query = new URLSearchParams({ collections: liveCollections });
  if (liveChargePoint) query.set("chargePointId", liveChargePoint);
  source?.close();
  source = new EventSource(path(`/live?${query}`));
  const heard = () => {
    lastSign = Date.now();
  };
  source.addEventListener("live", () => {
    heard();
    if (lost) changed(["*"]);
    lost = false;
    say(true, t("Live"));
  });
  source.addEventListener("alive", heard);
  source.addEventListener("changed", (event) => {
    heard();
    changed(event.data.split(","));
  });
  source.addEventListener("stale", () => {
    heard();
    lost = true;
    say(false, t("This page is not up to date: the database is away."));
  });
  source.onerror = () => {
    lost = true;
    say(false, t("The connection is lost. Trying again…"));
  };
}

// The browser gives up on an answer that is no stream, and a dead network says nothing at all.
function look() {
  const silent = Date.now() - lastSign > SILENT_FOR;
  if (source.readyState === EventSource.CLOSED || silent) {
    lastSign = Date.now();
    lost = true;
    say(false, t("The connection is lost. Trying again…"));
    connect();
  }
}

if (liveCollections) {
  connect();
  setInterval(look, 3000);
  document.addEventListener("visibilitychange", update);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  if (liveEvery) setInterval(() => changed(["*"]), Number(liveEvery) * 1000);
}
