/**
 * The live page: draws the store. Markup is in the page's <template>s; here is what goes where.
 *
 * @import { AlertRow, CallRow, CollectorRow, Metrics, RegistrationRow, Series } from "./frames.js"
 */
import "./heat.js";
import { serverNow, store, subscribe } from "./connection.js";
import { clock, duration, exact, number, party } from "./format.js";
import { fill, reconcile, stamp } from "./keyed.js";
import { Spark } from "./sparkline.js";

/** Rows shown of a list; the rest is one click away, and the list says so. */
const CALLS_SHOWN = 100;
const CALLS_AT_LEAST = 14;
const FAILURES_SHOWN = 25;
const ALERTS_SHOWN = 4;
/** A collector speaks each second. */
const SILENT_MS = 6000;

const zone = document.documentElement.dataset.zone ?? "UTC";
/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** What each tile shows: its series, decimals, and how its figure is written. @type {Record<string, (m: Metrics) => [Series, string]>} */
const TILES = {
  active: (m) => [m.active_calls, number(m.active_calls.now)],
  cps: (m) => [m.cps, number(m.cps.now, 1)],
  asr: (m) => [m.asr_percent, number(m.asr_percent.now, 1)],
  ner: (m) => [m.ner_percent, number(m.ner_percent.now, 1)],
  pdd: (m) => [m.pdd_p50_ms, seconds(m.pdd_p50_ms.now)],
  registered: (m) => [m.registrations, number(m.registrations.now)],
  messages: (m) => [m.messages_per_s, number(m.messages_per_s.now)],
  loss: (m) => [m.loss, number(m.loss.now)],
};

/** @param {number|null} ms */
const seconds = (ms) => (ms === null ? "–" : number(ms / 1000, ms < 10_000 ? 2 : 1));

/** @param {Metrics} metrics */
function drawMetrics(metrics) {
  for (const [name, read] of Object.entries(TILES)) {
    const tile = byId(`tile-${name}`);
    const [series, text] = read(metrics);
    fill(tile, { value: text });
    const spark = tile.querySelector("oh-spark");
    if (spark instanceof Spark) spark.values = series.spark;
  }
  fill(byId("tile-pdd"), { note: `95 %: ${seconds(metrics.pdd_p95_ms.now)} s` });
  byId("tile-loss").classList.toggle("lost", (metrics.loss.now ?? 0) > 0);
  const heat = /** @type {HTMLElement & {classes: Metrics["responses"]}} */ (byId("heat"));
  heat.classes = metrics.responses;
  for (const [name, counts] of Object.entries(metrics.responses)) {
    fill(byId("responses"), { [`sum-${name}`]: number(counts.reduce((sum, count) => sum + count, 0)) });
  }
}

/** @param {Element} element @param {string} name @param {string} uri */
function fillParty(element, name, uri) {
  const part = element.querySelector(`[data-is="${name}"]`);
  if (!(part instanceof HTMLElement)) return;
  const { user, host } = party(uri);
  part.title = uri;
  fill(part, { user: user || host || "unknown", host: user && host ? `@${host}` : "" });
}

/** @param {Element} element @param {string} name @param {number} us */
function fillTime(element, name, us) {
  const part = element.querySelector(`[data-is="${name}"]`);
  if (!(part instanceof HTMLElement)) return;
  part.textContent = clock(us, zone);
  part.title = exact(us);
}

/** Put the badge of a state, made by the server, where `name` is. @param {Element} element @param {string} name @param {string} state */
function fillBadge(element, name, state) {
  const part = element.querySelector(`[data-is="${name}"]`);
  if (!(part instanceof HTMLElement) || part.dataset.state === state) return;
  part.dataset.state = state;
  const badge = document.querySelector(`#badges [data-badge="${CSS.escape(state)}"]`);
  part.replaceChildren(...(badge ? [...badge.childNodes].map((node) => node.cloneNode(true)) : [state]));
}

/** The sign of the worst finding; hover says which. @param {Element} element @param {CallRow} row */
function fillFlaw(element, row) {
  const part = element.querySelector('[data-is="flaw"]');
  if (!(part instanceof HTMLElement)) return;
  fillBadge(element, "flaw", row.finding?.severity ?? "");
  part.title = row.finding ? `${row.finding.code}: ${row.finding.cause}` : "";
}

/** @param {HTMLElement} element @param {CallRow} row */
function drawCall(element, row) {
  const link = element.querySelector("a.open");
  if (link instanceof HTMLAnchorElement) link.href = `/calls/${row.slug}`;
  fillTime(element, "started", row.first_us);
  fillParty(element, "from", row.from_uri);
  fillParty(element, "to", row.to_uri);
  fillBadge(element, "state", row.state);
  const over = row.ended_us !== null || !row.open;
  const age = element.querySelector("oh-age");
  if (age instanceof HTMLElement) {
    age.hidden = over;
    age.dataset.us = String(row.first_us);
  }
  fill(element, {
    length: over ? duration(row.duration_ms ?? ((row.ended_us ?? row.last_us) - row.first_us) / 1000) : "",
    status: row.status && row.status !== 200 ? String(row.status) : "",
  });
  fillFlaw(element, row);
  element.classList.toggle("over", over);
}

function drawCalls() {
  const active = /** @type {CallRow[]} */ (store.views.active ?? []).slice(0, CALLS_SHOWN);
  const shown = new Set(active.map((row) => row.slug));
  const others = /** @type {CallRow[]} */ (store.views.recent ?? []).filter((row) => !shown.has(row.slug));
  const rows = [...active, ...others.slice(0, Math.max(0, CALLS_AT_LEAST - active.length))];
  reconcile(
    byId("calls"),
    rows,
    (row) => row.slug,
    () => stamp("call-row"),
    drawCall,
  );
  const total = store.metrics.active_calls?.now ?? active.length;
  const shownAll = total <= active.length;
  fill(byId("calls-panel"), {
    shown: shownAll ? `${number(active.length)} active` : `newest ${number(active.length)} of ${number(total)} active`,
  });
  byId("calls-empty").hidden = rows.length > 0;
  byId("calls-table").hidden = rows.length === 0;
}

/** @typedef {{key: string, href: string, from: string, to: string, at_us: number, row: CallRow|RegistrationRow}} Failure */

/** @returns {Failure[]} */
function failures() {
  const calls = /** @type {CallRow[]} */ (store.views.failing ?? []).map((row) => ({
    key: row.slug,
    href: `/calls/${row.slug}`,
    from: row.from_uri,
    to: row.to_uri,
    at_us: row.finding?.at_us ?? row.last_us,
    row,
  }));
  const registrations = /** @type {RegistrationRow[]} */ (store.views.registrations ?? []).map((row) => ({
    key: row.slug,
    href: `/registrations/${row.slug}`,
    from: row.aor,
    to: "",
    at_us: row.finding?.at_us ?? row.last_us,
    row,
  }));
  return [...calls, ...registrations].sort((a, b) => b.at_us - a.at_us).slice(0, FAILURES_SHOWN);
}

/** @param {HTMLElement} element @param {Failure} failure */
function drawFailure(element, failure) {
  const { finding } = failure.row;
  const link = element.querySelector("a");
  if (link instanceof HTMLAnchorElement) link.href = failure.href;
  fillTime(element, "at", failure.at_us);
  fillParty(element, "from", failure.from);
  fillParty(element, "to", failure.to);
  for (const part of element.querySelectorAll(".arrow, [data-is=to]")) part.toggleAttribute("hidden", !failure.to);
  fill(element, {
    cause: finding?.cause ?? ("outcome" in failure.row ? `Registration ${failure.row.outcome}` : ""),
    code: finding?.code ?? "",
    doubt: finding?.state === "suspected" ? "Suspected:" : "",
  });
  element.className = finding?.severity ?? "major";
}

/** @type {Map<string, Failure>} */
let lastFailures = new Map();

function drawFailures() {
  // The same value as before where the row is the same: the DOM is left alone then.
  const rows = failures().map((failure) => {
    const before = lastFailures.get(failure.key);
    return before?.row === failure.row ? before : failure;
  });
  lastFailures = new Map(rows.map((failure) => [failure.key, failure]));
  reconcile(
    byId("failures"),
    rows,
    (failure) => failure.key,
    () => stamp("failure-item"),
    drawFailure,
  );
  byId("failures-empty").hidden = rows.length > 0;
}

/** @param {HTMLElement} element @param {AlertRow} row */
function drawAlert(element, row) {
  const link = element.querySelector("a");
  if (link instanceof HTMLAnchorElement) link.href = `/alerts/${row.id}`;
  element.className = `alert ${row.severity}`;
  fillTime(element, "since", row.opened_us);
  fill(element, {
    title: row.title,
    count: `×${number(row.count)}`,
    acknowledged: row.acknowledged_by ? `acknowledged by ${row.acknowledged_by}` : "",
  });
}

function drawAlerts() {
  const open = /** @type {AlertRow[]} */ (store.views.alerts ?? []);
  reconcile(
    byId("alerts"),
    open.slice(0, ALERTS_SHOWN),
    (row) => String(row.id),
    () => stamp("alert-item"),
    drawAlert,
  );
  byId("alerts-strip").hidden = open.length === 0;
  fill(byId("alerts-strip"), {
    count: open.length === 1 ? "1 alert is open" : `${number(open.length)} alerts are open`,
    more: `and ${open.length - ALERTS_SHOWN} more`,
  });
  const more = byId("alerts-strip").querySelector('[data-is="more"]');
  if (more instanceof HTMLElement) more.hidden = open.length <= ALERTS_SHOWN;
}

/** @param {HTMLElement} element @param {CollectorRow} row */
function drawCollector(element, row) {
  fill(element, {
    name: row.name,
    what: [row.receiver, row.interfaces.join(", ")].filter(Boolean).join(" · "),
    rate: `${number(row.rate, row.rate < 10 ? 1 : 0)} msg/s`,
    backlog: row.backlog > 0 ? `${number(row.backlog)} waiting` : "",
  });
  const age = element.querySelector("oh-age");
  if (age instanceof HTMLElement) age.dataset.us = String(row.last_seen_us);
  element.classList.toggle("gone", row.final || serverNow() - row.last_seen_us / 1000 > SILENT_MS);
}

function drawCollectors() {
  const rows = /** @type {CollectorRow[]} */ (store.views.collectors ?? []);
  reconcile(
    byId("collectors"),
    rows,
    (row) => row.name,
    () => stamp("collector-item"),
    drawCollector,
  );
  byId("collectors-empty").hidden = rows.length > 0;
}

let waiting = false;

function draw() {
  waiting = false;
  const { metrics, views } = store;
  if (metrics.active_calls) drawMetrics(/** @type {Metrics} */ (metrics));
  drawAlerts();
  drawCalls();
  drawFailures();
  drawCollectors();
  byId("live").removeAttribute("aria-busy");
  byId("live").classList.toggle("blank", !views.recent?.length && !views.registrations?.length);
}

// At most one drawing a frame of the screen, however fast deltas come; none in a hidden tab.
subscribe(() => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(draw);
});
