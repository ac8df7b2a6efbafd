/** The page of a record: choosing messages in the ladder, the time column, findings, live refresh. */
import { subscribeState, watchRecord } from "./connection.js";
import { clock } from "./format.js";
import { define, isLogin } from "./keyed_swap.js";

const zone = document.documentElement.dataset.zone ?? "UTC";
let shown = 0;
/** @type {AbortController|null} */
let fetching = null;
let times = "relative";

/** @returns {SVGGElement[]} */
const rows = () =>
  [...document.querySelectorAll("#ladder .ladder-body .row")].filter((row) => row instanceof SVGGElement);

/** @param {SVGGElement} row */
const numbersOf = (row) => (row.dataset.numbers ?? "").split(" ").map(Number);

/** The row of a message, also of one that is folded into another. @param {number} number */
const rowOf = (number) => rows().find((row) => numbersOf(row).includes(number));

/** @param {number} number */
function mark(number) {
  for (const row of rows()) {
    if (numbersOf(row).includes(number)) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/** Show a message at the right. @param {number} number */
async function choose(number) {
  mark(number);
  const panel = document.getElementById("message");
  if (!panel || number === shown) return;
  shown = number;
  window.history.replaceState(null, "", `#m${number}`);
  fetching?.abort();
  fetching = new AbortController();
  try {
    const address = `${panel.dataset.address}/messages/${number}${panel.dataset.query ?? ""}`;
    const response = await fetch(address, { signal: fetching.signal });
    if (isLogin(response.url)) window.location.reload();
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    panel.innerHTML = await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    shown = 0;
    const notice = document.createElement("p");
    notice.className = "quiet";
    notice.textContent = `Message ${number} could not be fetched: ${error instanceof Error ? error.message : error}. Choose it again to retry.`;
    panel.replaceChildren(notice);
  }
}

const nothingChosen = document.getElementById("message")?.innerHTML ?? "";

/** Show no message any more. */
function leave() {
  const panel = document.getElementById("message");
  if (!panel || !shown) return;
  fetching?.abort();
  if (panel.contains(document.activeElement)) rowOf(shown)?.focus({ preventScroll: true });
  shown = 0;
  mark(0);
  panel.innerHTML = nothingChosen;
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
}

/** Choose a message and bring it into view. @param {number} number */
function open(number) {
  const row = rowOf(number);
  row?.scrollIntoView({ block: "center" });
  row?.focus({ preventScroll: true });
  choose(number);
}

/** @param {string} style */
function showTimes(style) {
  times = style;
  for (const button of document.querySelectorAll("[data-times]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-times") === style));
  }
  for (const row of rows()) {
    const time = row.querySelector(".time");
    if (!(time instanceof SVGElement)) continue;
    const us = Number(row.dataset.atUs);
    const absolute = `${clock(us, zone)}.${String(Math.floor((us % 1_000_000) / 1000)).padStart(3, "0")}`;
    time.textContent = style === "absolute" ? absolute : (time.dataset[style] ?? "");
  }
}

/** @param {Element} pin */
function toFinding(pin) {
  const card = document.getElementById(`finding-${pin.getAttribute("data-finding")}`);
  card?.scrollIntoView({ block: "nearest" });
  card?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const { target } = event;
  const pin = target.closest("#ladder [data-finding]");
  if (pin) toFinding(pin);
  const row = target.closest("#ladder .row");
  if (row instanceof SVGGElement) choose(Number(row.dataset.number));
  const style = target.closest("[data-times]")?.getAttribute("data-times");
  if (style) showTimes(style);
  const link = target.closest("[data-message]");
  if (link) {
    event.preventDefault();
    open(Number(link.getAttribute("data-message")));
  }
  if (target.closest("[data-leave]")) leave();
  const copied = target.closest("[data-copy]")?.getAttribute("data-copy");
  if (copied) navigator.clipboard.writeText(document.getElementById(copied)?.textContent ?? "");
});

document.addEventListener("focusin", (event) => {
  if (event.target instanceof SVGGElement && event.target.matches("#ladder .row"))
    choose(Number(event.target.dataset.number));
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) leave();
  if ((event.key === "Enter" || event.key === " ") && event.target instanceof SVGGElement) {
    event.preventDefault();
    choose(Number(event.target.dataset.number));
  }
});

/** Text stays legible: a ladder shrinks to so much of its width, and scrolls beyond. */
const SMALLEST = 0.85;

function fit() {
  for (const drawing of document.querySelectorAll("#ladder .ladder")) {
    if (drawing instanceof SVGSVGElement) drawing.style.minWidth = `${drawing.viewBox.baseVal.width * SMALLEST}px`;
  }
}

// What a refresh has drawn anew is put back as the user left it.
document.addEventListener("htmx:afterSwap", () => {
  fit();
  if (shown) mark(shown);
  if (times !== "relative") showTimes(times);
});

define();
fit();
const part = document.querySelector("[data-watch]");
const refresh = () => part?.dispatchEvent(new CustomEvent("offhook:changed"));
if (part) {
  watchRecord(part.getAttribute("data-watch") ?? "", refresh);
  // What happened while the connection was away was not told.
  let lost = false;
  subscribeState((state) => {
    if (state === "live" && lost) refresh();
    lost = state === "offline";
  });
}
const wanted = /^#m(\d+)$/.exec(window.location.hash);
if (wanted) open(Number(wanted[1]));
