// Runs the recipe of docs/GUIDE.md for connecting again with the old client.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";

import { clientSource, evaluate } from "./helpers/client.mjs";
import { root } from "./helpers/go.mjs";

const guide = await readFile(join(root, "docs/GUIDE.md"), "utf8");
const [recipe, ...more] = [...guide.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, text]) => text).filter((text) => text.includes("fetch("));

// begin runs the recipe in a page. answer is what the server says to fetch.
function begin() {
  const page = { conns: [], timers: [], logins: 0, answer: () => Promise.resolve({ status: 200 }) };
  class WebSocket {
    constructor() { page.conns.push(this); }
    send() {}
    close() { this.end(); }
    end() {
      this.readyState = 3;
      this.onclose({});
    }
  }
  const world = { WebSocket, setTimeout: () => {}, location: { protocol: "https:", host: "example.com" } };
  const given = {
    Ws: evaluate(clientSource, world),
    fetch: () => page.answer(),
    login: () => page.logins++,
    setTimeout: (task, delay) => page.timers.push({ task, delay }),
    show: () => {},
  };
  const names = Object.keys(given);
  page.leave = new Function(...names, `${recipe}\nreturn () => { left = true; };`)(...names.map((name) => given[name]));
  // wake runs the only timer, and what follows from it.
  page.wake = async () => {
    assert.equal(page.timers.length, 1);
    const { task, delay } = page.timers.pop();
    assert.ok(delay >= 1000 && delay < 3000, `${delay} ms`);
    task();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return page;
}

describe("connecting again, in docs/GUIDE.md", () => {
  test("there is one recipe", () => assert.equal(more.length, 0));

  test("a lost page comes back, once for each end", async () => {
    const page = begin();
    for (const count of [2, 3]) {
      page.conns.at(-1).end();
      await page.wake();
      assert.equal(page.conns.length, count);
      assert.equal(page.timers.length, 0);
    }
  });

  test("it goes on without a network", async () => {
    const page = begin();
    page.conns[0].end();
    page.answer = () => Promise.reject(new TypeError("no network"));
    await page.wake();
    assert.equal(page.conns.length, 1);
    page.answer = () => Promise.resolve({ status: 503 });
    await page.wake();
    assert.equal(page.conns.length, 2);
  });

  test("a visitor who is logged out is asked to log in, and nothing is tried", async () => {
    const page = begin();
    page.conns[0].end();
    page.answer = () => Promise.resolve({ status: 401 });
    await page.wake();
    assert.deepEqual([page.logins, page.conns.length, page.timers.length], [1, 1, 0]);
  });

  test("a page that has left stays away", () => {
    const page = begin();
    page.leave();
    page.conns[0].end();
    assert.deepEqual([page.conns.length, page.timers.length], [1, 0]);
  });
});
