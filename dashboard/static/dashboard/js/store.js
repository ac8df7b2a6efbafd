/**
 * What the live page knows: a snapshot, and the deltas since. Pure: no DOM, no clock, no socket.
 *
 * Law: snapshot + deltas = fresh snapshot. A view (the newest active calls, …) is bounded. Where the server
 * had more rows than the bound, a view is complete from its first row to its `floor`, and says nothing of what
 * lies below; when too much of it has left, `apply` asks for a fresh snapshot.
 *
 * @import { AlertRow, CallRow, CollectorRow, Delta, Metrics, RegistrationRow, Snapshot } from "./frames.js"
 */

/**
 * @template Row
 * @typedef {object} View
 * @property {"calls"|"registrations"|"alerts"|"collectors"} list where its rows come from
 * @property {(row: Row) => boolean} holds whether a row belongs to it
 * @property {(a: Row, b: Row) => number} order negative: a stands before b
 */

const ALIVE = new Set(["trying", "ringing", "answered"]);
const SERIOUS = new Set(["critical", "major"]);
const FAILED = new Set(["failed", "unanswered", "expired"]);

/** @param {{first_us: number, slug: string}} a @param {{first_us: number, slug: string}} b */
const newestFirst = (a, b) => b.first_us - a.first_us || (a.slug < b.slug ? -1 : Number(a.slug > b.slug));

/** @type {View<CallRow>} */
const active = { list: "calls", holds: (row) => row.open && ALIVE.has(row.state), order: newestFirst };
/** @type {View<CallRow>} */
const failing = { list: "calls", holds: (row) => SERIOUS.has(row.severity), order: newestFirst };
/** @type {View<CallRow>} */
const recent = { list: "calls", holds: () => true, order: newestFirst };
/** @type {View<RegistrationRow>} */
const registrations = {
  list: "registrations",
  holds: (row) => FAILED.has(row.outcome),
  order: newestFirst,
};
/** @type {View<AlertRow>} */
const alerts = {
  list: "alerts",
  holds: (row) => row.state === "open",
  order: (a, b) => b.opened_us - a.opened_us || b.id - a.id,
};
/** @type {View<CollectorRow>} */
const collectors = {
  list: "collectors",
  holds: () => true,
  order: (a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)),
};

/** @type {Record<string, View<any>>} */
export const VIEWS = { active, failing, recent, registrations, alerts, collectors };

/** @type {Record<string, string>} */
const KEYS = { calls: "slug", registrations: "slug", alerts: "id", collectors: "name" };

export class Store {
  constructor() {
    /** The sequence of the last frame; null before the first snapshot. @type {number|null} */
    this.sequence = null;
    /** @type {Partial<Metrics>} */
    this.metrics = {};
    /** @type {Record<string, Map<string|number, any>>} */
    this.rows = { calls: new Map(), registrations: new Map(), alerts: new Map(), collectors: new Map() };
    /** @type {Record<string, any[]>} */
    this.views = Object.fromEntries(Object.keys(VIEWS).map((name) => [name, []]));
    /** The last row down to which a view is complete; null: it is complete. @type {Record<string, any>} */
    this.floors = {};
    /** @type {Record<string, number>} */
    this.caps = {};
  }

  /**
   * Take a frame in. "applied": the store changed. "ignored": old, or nothing to build on yet. "gap": something is
   * missing, ask for a snapshot; the store stays as it was. "thin": applied, and a snapshot would know more.
   *
   * @param {Snapshot|Delta} frame
   * @returns {"applied"|"ignored"|"gap"|"thin"}
   */
  apply(frame) {
    if (frame.type === "snapshot") {
      this.#begin(frame);
      return "applied";
    }
    if (this.sequence === null || frame.sequence <= this.sequence) return "ignored";
    if (frame.sequence !== this.sequence + 1) return "gap";
    this.sequence = frame.sequence;
    if (frame.metrics) this.metrics = frame.metrics;
    let thin = Boolean(frame.thin?.length);
    for (const list of Object.keys(this.rows)) {
      const changed = /** @type {Record<string, any>} */ (frame)[list];
      if (changed?.length) thin = this.#change(list, changed) || thin;
    }
    return thin ? "thin" : "applied";
  }

  /** @param {Snapshot} frame */
  #begin(frame) {
    this.sequence = frame.sequence;
    this.metrics = frame.metrics;
    this.caps = frame.caps;
    this.floors = {};
    for (const list of Object.keys(this.rows)) {
      this.rows[list] = new Map();
      this.#change(list, /** @type {Record<string, any>} */ (frame)[list] ?? []);
    }
  }

  /**
   * Upsert rows and bring the views of their list up to date. True when one of them became too thin.
   *
   * @param {string} list
   * @param {any[]} changed
   */
  #change(list, changed) {
    const rows = this.rows[list] ?? new Map();
    const key = KEYS[list] ?? "";
    for (const row of changed) {
      const known = rows.get(row[key]);
      if (!known || row.version >= known.version) rows.set(row[key], row);
    }
    let thin = false;
    const kept = new Set();
    for (const [name, view] of Object.entries(VIEWS)) {
      if (view.list !== list) continue;
      const shown = this.#select(name, view, rows);
      thin ||= Boolean(this.floors[name]) && shown.length < (this.caps[name] ?? 0) / 2;
      for (const row of shown) kept.add(row[key]);
    }
    for (const name of rows.keys()) if (!kept.has(name)) rows.delete(name);
    return thin;
  }

  /**
   * @param {string} name
   * @param {View<any>} view
   * @param {Map<string|number, any>} rows
   */
  #select(name, view, rows) {
    const cap = this.caps[name] ?? Number.POSITIVE_INFINITY;
    const floor = this.floors[name];
    const held = [...rows.values()].filter((row) => view.holds(row) && !(floor && view.order(row, floor) > 0));
    const shown = held.sort(view.order).slice(0, cap);
    // A full view: what lies below its last row is not known, now or later.
    if (shown.length === cap) this.floors[name] = shown[cap - 1];
    this.views[name] = shown;
    return shown;
  }
}
