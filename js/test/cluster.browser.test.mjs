// Test of examples/cluster: two processes, and tabs that go from one to the other.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { complaints, launchBrowser } from "./helpers/browser.mjs";
import { buildProgram, freePort } from "./helpers/go.mjs";
import { within } from "./helpers/wait.mjs";

let browser;

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

// startCluster starts the example, which is a module of its own. It returns the URLs of both
// nodes by their names.
async function startCluster(t) {
  // The tests of Go have built most of it, with the race detector.
  const file = await buildProgram(".", "examples/cluster", "-race");
  const hosts = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const child = spawn(file, hosts, { stdio: ["ignore", "pipe", "ignore"] }); // it reports a killed node as an error
  const ended = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.kill("SIGTERM");
    assert.equal(await within(ended, "the end of the example"), 0);
  });
  const urls = {};
  const started = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, name, url] = /^Node (\w): (\S+)/.exec(line) ?? [];
      if (name) {
        urls[name] = url;
      }
      if (urls.A && urls.B) {
        return;
      }
    }
  })();
  await within(started, "both nodes");
  return urls;
}

test("cluster", async (t) => {
  const { A, B } = await startCluster(t);
  const open = async (url, name) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const errors = complaints(page);
    // The browser tells of each request that a killed node refuses.
    t.after(() => assert.deepEqual(errors.filter((error) => !/ERR_CONNECTION|WebSocket connection to/.test(error)), []));
    await page.goto(`${url}?name=${name}`);
    return page;
  };
  const shows = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();
  const people = (page) => page.locator("#people li").allTextContents();
  const say = async (page, text) => {
    await page.locator("#text").fill(text);
    await page.locator("#text").press("Enter");
  };

  const ann = await open(A, "ann");
  await shows(ann, "#node", "node A");
  await shows(ann, "#people li", "ann");
  const bob = await open(B, "bob");
  await shows(bob, "#node", "node B");
  await shows(bob, "#people li", "ann");
  await shows(ann, "#people li", "bob");
  await say(ann, "hello");
  await shows(bob, "#messages li", "ann (node A) hello");

  // Nobody leaves: the page of bob notes each change of the list.
  await bob.evaluate(() => {
    window.fewest = 2;
    new MutationObserver(() => {
      window.fewest = Math.min(window.fewest, document.querySelectorAll("#people li").length);
    }).observe(document.getElementById("people"), { childList: true });
  });
  await ann.locator("#kill").click();
  await shows(ann, "#node", "node B");
  await say(ann, "still here");
  await shows(bob, "#messages li", "ann (node B) still here");
  assert.equal(await bob.locator("#messages li").count(), 2); // the first one wasn't said again
  assert.deepEqual(await people(ann), ["ann", "bob"]);
  await shows(bob, "#people li", "ann");
  assert.equal(await bob.evaluate(() => window.fewest), 2);

  // The node starts again, and people come and go on both.
  const cem = await open(B, "cem");
  await shows(ann, "#people li", "cem");
  await cem.close();
  await ann.waitForFunction(() => document.querySelectorAll("#people li").length === 2);
});
