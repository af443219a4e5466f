// The artefacts: they are those that build.mjs makes now, and small.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import vm from "node:vm";

import { artefacts, limits, sizeOf } from "../build.mjs";
import { root } from "./helpers/go.mjs";

const committed = (name) => readFileSync(join(root, name), "utf8");

test("the artefacts are up to date: npm run build makes them", async () => {
  for (const [name, text] of Object.entries(await artefacts())) {
    assert.ok(committed(name) === text, `${name} differs from what npm run build makes`);
  }
});

for (const [name, limit] of Object.entries(limits)) {
  test(`${name} has at most ${limit} bytes by gzip -9`, () => {
    const size = sizeOf(committed(name));
    assert.ok(size <= limit, `${name} has ${size} bytes, ${size - limit} too many`);
  });
}

test("nothing in them needs eval", () => {
  for (const name of Object.keys(limits)) {
    assert.doesNotMatch(committed(name), /\beval\(|new Function|Function\(/);
  }
});

test("the readable script defines the same", () => {
  const worlds = ["iris-ws.js", "iris-ws.source.js"].map((name) => {
    const world = vm.createContext({});
    vm.runInContext(committed(name), world);
    return [Object.keys(world), Object.keys(world.Ws.prototype), typeof world.Ws.connect];
  });
  assert.deepEqual(worlds[0], worlds[1]);
  assert.deepEqual(worlds[0][0], ["Ws"]);
});
