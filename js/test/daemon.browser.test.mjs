// Test of examples/daemon: a program with the Go client, and a page with Ws.connect.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";

import { complaints, launchBrowser } from "./helpers/browser.mjs";
import { startExample } from "./helpers/go.mjs";

let browser;

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

test("daemon", async (t) => {
  const example = await startExample("daemon", { before: ["server"] });
  t.after(example.stop);
  const daemon = spawn(example.file, ["client", example.host, "kitchen"], { stdio: "ignore" });
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  t.after(() => daemon.kill("SIGKILL"));

  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  const errors = complaints(page);
  await page.goto(example.url);
  const shows = (selector, text) => page.locator(selector, { hasText: text }).first().waitFor();
  await shows("#state", "there");
  await shows("#reports li", /^kitchen: report \d+, \d+ goroutines, \d+ MiB$/);

  await page.locator("#name").fill("kitchen");
  await page.locator("#pace").fill("20");
  await page.locator("button").click();
  await shows("#answer", "done");
  await shows("#reports li", /^kitchen: report \d\d,/); // it would take ten seconds at the first pace
  await page.locator("#pace").fill("1");
  await page.locator("button").click();
  await shows("#answer", "the shortest pace is 10 ms");

  daemon.kill("SIGINT");
  assert.equal(await ended, 0); // it closes in an orderly way
  assert.deepEqual(errors, []);
});
