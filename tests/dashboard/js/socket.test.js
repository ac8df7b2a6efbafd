import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../../../dashboard/static/dashboard/js/socket.js";

test("the wait before a new attempt doubles, and ends at 15 s", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) => backoff(attempt, 1)),
    [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000],
  );
});

test("no two browsers need come back at the same instant, and none at once", () => {
  assert.equal(backoff(3, 0), 2000);
  assert.equal(backoff(3, 0.5), 3000);
});
