import assert from "node:assert/strict";
import { test } from "node:test";
import { age, clock, duration, exact, number, party } from "../../../dashboard/static/dashboard/js/format.js";

test("a duration reads as people say it", () => {
  const table = /** @type {[number|null, string][]} */ ([
    [null, "–"],
    [0, "0 ms"],
    [-3, "0 ms"],
    [840, "840 ms"],
    [3250, "3.25 s"],
    [28_400, "28.4 s"],
    [725_000, "12 min 05 s"],
    [7_380_000, "2 h 03 min"],
  ]);
  for (const [ms, text] of table) assert.equal(duration(ms), text);
});

test("an age counts whole seconds, and days at last", () => {
  assert.equal(age(7900), "7 s");
  assert.equal(age(-500), "0 s");
  assert.equal(age(200_000), "3 min 20 s");
  assert.equal(age(4 * 86_400_000 + 2 * 3_600_000), "4 d 2 h");
});

test("a time of day is that of the zone, and its hover that of UTC with µs", () => {
  const us = Date.UTC(2026, 10, 22, 9, 42, 7) * 1000 + 123_456;
  assert.equal(clock(us, "UTC"), "09:42:07");
  assert.equal(clock(us, "Europe/Berlin"), "10:42:07");
  assert.equal(exact(us), "2026-11-22 09:42:07.123456 UTC");
});

test("midnight is 00, not 24", () => {
  assert.equal(clock(Date.UTC(2026, 0, 1) * 1000, "UTC"), "00:00:00");
});

test("a figure has its thousands apart, and nothing is a dash", () => {
  assert.equal(number(18204), "18,204");
  assert.equal(number(41.26, 1), "41.3");
  assert.equal(number(null), "–");
});

test("a party is told by user and host, whatever the scheme", () => {
  assert.deepEqual(party("sip:alice@example.com"), { user: "alice", host: "example.com" });
  assert.deepEqual(party("sips:a@b@[2001:db8::1]:5061"), { user: "a@b", host: "[2001:db8::1]:5061" });
  assert.deepEqual(party("sip:pbx.example.com"), { user: "", host: "pbx.example.com" });
  assert.deepEqual(party("tel:+49891234"), { user: "+49891234", host: "" });
});
