/** The frame of every page: theme, zone, rail, keyboard, the live connection and what it says of itself. */
import "./age.js";
import { connect, store, subscribe, subscribeState } from "./connection.js";
import { recall, remember, rememberZone } from "./cookies.js";
import { clock } from "./format.js";
import { listen } from "./keyboard.js";

const root = document.documentElement;
const zone = root.dataset.zone ?? "UTC";

/** @param {string} id @param {() => void} action */
const onClick = (id, action) => document.getElementById(id)?.addEventListener("click", action);

onClick("theme", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("offhook_theme", root.dataset.theme);
});

onClick("fold", () => {
  root.dataset.rail = root.dataset.rail === "narrow" ? "" : "narrow";
  remember("offhook_rail", root.dataset.rail);
});

onClick("zone", () => {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  remember("offhook_zone", recall("offhook_zone") === "UTC" ? here : "UTC");
  window.location.reload();
});

const WORDS = { connecting: "Connecting", live: "Live", stale: "No data", offline: "Reconnecting" };

subscribeState((state, since) => {
  root.dataset.stream = state;
  const element = document.getElementById("stream");
  const words = element?.querySelector("span");
  if (!element || !words) return;
  const old = (state === "stale" || state === "offline") && since > 0;
  element.dataset.state = state;
  element.title =
    state === "stale" ? "The server answers, but its analysis says nothing: is `offhook watch` running?" : "";
  words.textContent = WORDS[state] + (old ? ` since ${clock(since * 1000, zone)}` : "");
});

subscribe(() => {
  const count = store.views.alerts?.length ?? 0;
  for (const badge of document.querySelectorAll("[data-alert-count]")) {
    badge.toggleAttribute("hidden", count === 0);
    badge.textContent = String(count);
  }
});

rememberZone();
listen();
connect();
