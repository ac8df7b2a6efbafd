import assert from "node:assert/strict";
import { before, test } from "node:test";

// Custom elements are defined when their module is read; the functions under test need no DOM.
globalThis.HTMLElement ??= /** @type {any} */ (class {});
globalThis.customElements ??= /** @type {any} */ ({ define() {} });
globalThis.document ??= /** @type {any} */ ({ createElementNS: () => ({ setAttribute() {} }) });

/** @type {typeof import("../../../dashboard/static/dashboard/js/sparkline.js").path} */
let path;
/** @type {typeof import("../../../dashboard/static/dashboard/js/heat.js").darkness} */
let darkness;

before(async () => {
  ({ path } = await import("../../../dashboard/static/dashboard/js/sparkline.js"));
  ({ darkness } = await import("../../../dashboard/static/dashboard/js/heat.js"));
});

test("a sparkline spans its width from zero to the largest value", () => {
  const { line, end } = path([0, 5, 10], 100, 24);
  assert.equal(line, "M0 22L50 12L100 2");
  assert.deepEqual(end, [100, 2]);
});

test("what is not known is a gap in the line, never a zero", () => {
  const { line, area } = path([null, 4, null, 4, 2], 100, 24);
  assert.equal(line, "M25 2M75 2L100 12");
  assert.equal(area.match(/M/g)?.length, 2);
});

test("nothing known draws nothing, and all zeros a line on the ground", () => {
  assert.equal(path([null, null], 100, 24).line, "");
  assert.equal(path([0, 0], 100, 24).line, "M0 22L100 22");
});

test("one failure among a thousand successes is visible", () => {
  assert.equal(darkness(0, 1000), 0);
  assert.ok(darkness(1, 1000) > 0.3);
  assert.equal(darkness(1000, 1000), 1);
});
