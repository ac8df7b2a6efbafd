import assert from "node:assert/strict";
import { test } from "node:test";
import { Store, VIEWS } from "../../../dashboard/static/dashboard/js/store.js";

/** A seeded generator (mulberry32), so that a failure can be repeated. @param {number} seed */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @type {Record<string, number>} */
const CAPS = { active: 6, failing: 4, recent: 5, registrations: 3, alerts: 3, collectors: 4 };
const STATES = ["trying", "ringing", "answered", "ended", "failed", "cancelled"];
const SEVERITIES = ["", "", "minor", "major", "critical"];

/** What the server holds, and the frames that it would send. */
class Server {
  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
    this.sequence = 0;
    /** @type {Record<string, Map<any, any>>} */
    this.rows = { calls: new Map(), registrations: new Map(), alerts: new Map(), collectors: new Map() };
  }

  /** @template T @param {T[]} choices @returns {T} */
  pick(choices) {
    return /** @type {T} */ (choices[Math.floor(this.random() * choices.length)]);
  }

  /** @param {string} list @param {number} index */
  #row(list, index) {
    const version = this.sequence + 1;
    const first_us = 1000 + Math.floor(index / 2);
    const severity = this.pick(SEVERITIES);
    if (list === "calls")
      return { slug: `c${index}`, version, first_us, state: this.pick(STATES), open: this.random() < 0.8, severity };
    if (list === "registrations")
      return {
        slug: `r${index}`,
        version,
        first_us,
        outcome: this.pick(["registered", "failed", "expired"]),
        severity,
      };
    if (list === "alerts") return { id: index, version, opened_us: first_us, state: this.pick(["open", "resolved"]) };
    return { name: `edge-${index}`, version, rate: this.random() };
  }

  /** Change some rows; returns the delta that tells of it. */
  step() {
    /** @type {any} */
    const frame = { type: "delta", metrics: { at_us: this.sequence } };
    for (const [list, rows] of Object.entries(this.rows)) {
      const changed = Array.from({ length: Math.floor(this.random() * 4) }, () => {
        const fresh = this.random() < 0.5 ? rows.size : Math.floor(this.random() * rows.size);
        return this.#row(list, fresh);
      });
      const unique = new Map(changed.map((row) => [row.slug ?? row.id ?? row.name, row]));
      for (const [key, row] of unique) rows.set(key, row);
      frame[list] = [...unique.values()];
    }
    this.sequence += 1;
    return { ...frame, sequence: this.sequence };
  }

  /** @returns {any} */
  snapshot() {
    /** @type {any} */
    const frame = { type: "snapshot", sequence: this.sequence, metrics: { at_us: this.sequence - 1 }, caps: CAPS };
    for (const list of Object.keys(this.rows)) frame[list] = [];
    for (const [name, view] of Object.entries(VIEWS)) {
      const held = [...(this.rows[view.list]?.values() ?? [])].filter(view.holds).sort(view.order);
      for (const row of held.slice(0, CAPS[name])) if (!frame[view.list].includes(row)) frame[view.list].push(row);
    }
    return frame;
  }
}

/** @param {any} snapshot */
function fresh(snapshot) {
  const store = new Store();
  store.apply(snapshot);
  return store;
}

/** A store and a fresh one say the same, as far down as the first claims to know. @param {Store} store @param {Store} other */
function assertSame(store, other) {
  assert.equal(store.sequence, other.sequence);
  assert.deepEqual(store.metrics, other.metrics);
  for (const [name, view] of Object.entries(VIEWS)) {
    const floor = store.floors[name];
    const known = (other.views[name] ?? []).filter((row) => !floor || view.order(row, floor) <= 0);
    assert.deepEqual(store.views[name], known, `view ${name}`);
    if (!floor) assert.equal(store.views[name]?.length, other.views[name]?.length);
  }
}

for (let seed = 1; seed <= 60; seed += 1) {
  test(`snapshot and deltas equal a fresh snapshot (seed ${seed})`, () => {
    const server = new Server(dice(seed));
    for (let before = 0; before < 8; before += 1) server.step();
    const store = fresh(server.snapshot());
    for (let step = 0; step < 60; step += 1) {
      const outcome = store.apply(server.step());
      assertSame(store, fresh(server.snapshot()));
      if (outcome === "thin") store.apply(server.snapshot());
    }
  });
}

test("a view that is complete holds all there is", () => {
  const server = new Server(dice(7));
  server.step();
  const store = fresh(server.snapshot());
  assert.deepEqual(store.floors, {});
  assertSame(store, fresh(server.snapshot()));
});

/** @param {number} index @param {object} [change] */
const call = (index, change) => ({
  slug: `c${index}`,
  version: 1,
  first_us: index,
  state: "answered",
  open: true,
  severity: "",
  ...change,
});
/** @param {any[]} calls @returns {any} */
const snapshotOf = (calls) => ({ type: "snapshot", sequence: 5, metrics: {}, caps: CAPS, calls });
/** @param {object} rest @returns {any} */
const delta = (rest) => ({ type: "delta", ...rest });

test("a delta before any snapshot is nothing to build on", () => {
  const store = new Store();
  assert.equal(store.apply(delta({ sequence: 1 })), "ignored");
  assert.equal(store.sequence, null);
});

test("what the snapshot holds already is ignored", () => {
  const store = fresh(snapshotOf([call(1)]));
  assert.equal(store.apply(delta({ sequence: 5, calls: [call(1, { version: 0, state: "trying" })] })), "ignored");
  assert.equal(store.views.active?.[0].state, "answered");
});

test("a hole in the sequence is a gap, and changes nothing", () => {
  const store = fresh(snapshotOf([call(1)]));
  assert.equal(store.apply(delta({ sequence: 7, calls: [call(2)] })), "gap");
  assert.equal(store.sequence, 5);
  assert.equal(store.views.active?.length, 1);
});

test("a frame of which some list is thin is applied, and asks for a snapshot", () => {
  const store = fresh(snapshotOf([]));
  assert.equal(store.apply(delta({ sequence: 6, calls: [call(1)], thin: ["calls"] })), "thin");
  assert.equal(store.sequence, 6);
  assert.equal(store.views.active?.length, 1);
});

test("an older value of a row never replaces a newer one", () => {
  const store = fresh(snapshotOf([call(1, { version: 9, state: "ended" })]));
  store.apply(delta({ sequence: 6, calls: [call(1, { version: 8, state: "ringing" })] }));
  assert.equal(store.rows.calls?.get("c1").state, "ended");
});

test("a full view asks for a snapshot when half of it has left", () => {
  const calls = Array.from({ length: 6 }, (_, index) => call(10 + index));
  const store = fresh(snapshotOf(calls));
  const over = (/** @type {number} */ index) => call(index, { version: 2, state: "ended" });
  assert.equal(store.apply(delta({ sequence: 6, calls: [over(10), over(11), over(12)] })), "applied");
  assert.equal(store.apply(delta({ sequence: 7, calls: [over(13)] })), "thin");
});

test("a row that no view shows is forgotten", () => {
  const store = fresh(snapshotOf(Array.from({ length: 6 }, (_, index) => call(10 + index))));
  store.apply(delta({ sequence: 6, calls: [call(1)] }));
  assert.equal(store.rows.calls?.has("c1"), false);
});

test("a long-lived page stays small", () => {
  const server = new Server(dice(3));
  server.step();
  const store = fresh(server.snapshot());
  for (let step = 0; step < 3000; step += 1) {
    if (store.apply(server.step()) === "thin") store.apply(server.snapshot());
  }
  assert.ok((store.rows.calls?.size ?? 0) <= 6 + 4 + 5);
});
