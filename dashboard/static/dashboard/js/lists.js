/** Pages that the server draws: fetch again what changed, at most every two seconds and never two at a time. */
import { subscribe } from "./connection.js";
import { define } from "./keyed_swap.js";

const EVERY_MS = 2000;

define();

for (const part of document.querySelectorAll("[data-refresh]")) {
  const list = part.getAttribute("data-refresh") ?? "";
  let busy = false;
  let again = false;

  const refresh = () => {
    if (busy || document.hidden) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    part.dispatchEvent(new CustomEvent("offhook:changed"));
    setTimeout(() => {
      busy = false;
      if (again) refresh();
    }, EVERY_MS);
  };

  subscribe((frame) => {
    // A snapshot refreshes, too: what happened between the page and it, or while deltas were missed, is in no delta.
    const changed = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (frame))[list];
    if (Array.isArray(changed) && changed.length > 0) refresh();
  });
  document.addEventListener("visibilitychange", () => again && refresh());
}

for (const form of document.querySelectorAll("form[data-submits]")) {
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement && form instanceof HTMLFormElement) form.requestSubmit();
  });
}
