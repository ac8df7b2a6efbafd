/** The keyboard: / search, g and a letter to go, j k Enter in lists, ? help. Silent while one types. */

const CHORD_MS = 1200;
let wentAt = 0;

/** @param {EventTarget|null} target */
const types = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/**
 * The things that j and k move between: the rows of the page's ladder, else of its list.
 *
 * @returns {(HTMLElement|SVGElement)[]}
 */
const stops = () =>
  [...document.querySelectorAll("[data-stops] :is([data-stop], .ladder-body .row)")].filter(isElement);

/** @param {Element} element @returns {element is HTMLElement|SVGElement} */
const isElement = (element) => element instanceof HTMLElement || element instanceof SVGElement;

/** @param {number} step */
function move(step) {
  const all = stops();
  const at = all.findIndex((stop) => stop === document.activeElement || stop.contains(document.activeElement));
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** @param {string} key */
function go(key) {
  const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
  if (link instanceof HTMLAnchorElement) link.click();
}

export function help() {
  const dialog = document.getElementById("help");
  if (dialog instanceof HTMLDialogElement) dialog.showModal();
}

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  "/": (event) => {
    event.preventDefault();
    document.getElementById("search")?.focus();
  },
  "?": help,
  g: () => {
    wentAt = Date.now();
  },
  j: () => move(1),
  k: () => move(-1),
};

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (types(event.target)) {
    if (event.key === "Escape" && event.target instanceof HTMLElement) event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (Date.now() - wentAt < CHORD_MS) {
    wentAt = 0;
    go(event.key);
    return;
  }
  KEYS[event.key]?.(event);
}

export function listen() {
  document.addEventListener("keydown", pressed);
  for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", help);
  // A row is opened where it is clicked; links and text selection in it stay what they are.
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.target.closest("a, button, input, summary, label")) return;
    const link = event.target.closest("tr.link")?.querySelector("a.open");
    if (link instanceof HTMLAnchorElement && !window.getSelection()?.toString()) {
      if (event.metaKey || event.ctrlKey) window.open(link.href);
      else link.click();
    }
  });
}
