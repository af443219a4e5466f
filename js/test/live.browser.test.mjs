// Tests of the example live in a browser. One of its tabs loses its network.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { launchBrowser, lender } from "./helpers/browser.mjs";
import { root, startExample } from "./helpers/go.mjs";

const run = promisify(execFile);
const artifacts = join(root, "artifacts");

let browser;
let lend;

before(async () => {
  browser = await launchBrowser();
  lend = lender(await browser.newContext());
});

after(async () => {
  await browser?.close();
});

// openTabs starts the example and opens tabs of it.
async function openTabs(t, names) {
  const { url, stop } = await startExample("live");
  t.after(stop);
  const tabs = [];
  for (const name of names) {
    // The browser tells of each socket that a lost network refuses.
    const { page } = await lend(t, /WebSocket connection to .* failed/);
    await page.goto(url);
    await page.locator("#you", { hasText: name }).waitFor();
    tabs.push(page);
  }
  return tabs;
}

const shows = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();

// add adds a card to a column.
async function add(page, column, text) {
  const input = page.locator(`form[data-column=${column}] input`);
  await input.fill(text);
  await input.press("Enter");
}

// press presses a button of a card.
const press = (page, text, label) => page.locator("ol li", { hasText: text }).getByLabel(label).click();

// cards returns what a column shows.
const cards = (page, column) => page.locator(`ol[data-column=${column}] li span`).allTextContents();

const number = async (page, name) => +await page.locator(`#${name}`).textContent();

const is = (page, name, value) => page.waitForFunction(
  ([id, text]) => document.getElementById(id).textContent === text, [name, String(value)]);

test("the events of the page have types", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "iris-ws-live-"));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "node_modules"));
  await symlink(join(root, "js"), join(folder, "node_modules/iris-ws"));
  const page = await readFile(join(root, "examples/live/web/live.js"), "utf8");
  await writeFile(join(folder, "right.js"), page);
  await writeFile(join(folder, "wrong.js"), page.replace('ws.ask("add", card,', 'ws.ask("add", 1,').replace('on("you"', 'on("yuo"'));
  const flags = "--allowJs --checkJs --strict --noEmit --skipDefaultLibCheck --target es2022 --lib es2022,dom,dom.iterable --module esnext --moduleResolution bundler";
  const { stdout } = await run(process.execPath,
    [join(root, "js/node_modules/typescript/bin/tsc"), "--pretty", "false", ...flags.split(" "), "right.js", "wrong.js"],
    { cwd: folder }).catch((error) => error);
  assert.match(stdout, /^wrong\.js.*'number' is not assignable/m);
  assert.match(stdout, /^wrong\.js.*"yuo"/m);
  assert.doesNotMatch(stdout, /right\.js/);
});

test("tabs share a board", async (t) => {
  const [one, other] = await openTabs(t, ["Ada", "Bo"]);
  await shows(one, "#tabs", /^AB$/);
  await add(one, "todo", "<b>bread</b>");
  await shows(other, "ol[data-column=todo]", "<b>bread</b>");
  await press(other, "<b>bread</b>", "Move right");
  await shows(one, "ol[data-column=doing]", "<b>bread</b>");
  await press(one, "<b>bread</b>", "Remove");
  await other.locator("ol li", { hasText: "<b>bread</b>" }).waitFor({ state: "detached" });
  await other.close();
  await shows(one, "#tabs", /^A$/);
});

test("a refused card comes off the board again", async (t) => {
  const [one] = await openTabs(t, ["Ada"]);
  await add(one, "todo", "☃".repeat(30)); // 90 bytes
  await shows(one, "#notice", "between 1 and 80 bytes");
  assert.deepEqual(await cards(one, "todo"), ["Pack the tent", "Save the maps"]);
});

test("a tab goes on after its network was lost", async (t) => {
  const [one, other] = await openTabs(t, ["Ada", "Bo"]);
  await other.locator("#drop").click();
  await shows(other, "#state", "Reconnecting");
  await one.locator("#tabs .away").waitFor();
  await is(other, "drops", 1);

  await add(one, "todo", "made elsewhere");
  await add(one, "done", "made there, too");
  await shows(one, "ol[data-column=done]", "made there, too");
  await press(one, "Pack the tent", "Move right");
  await shows(one, "ol[data-column=doing] li:not(.waiting)", "Pack the tent");
  await add(other, "todo", "made while away");
  await press(other, "Save the maps", "Remove");
  await is(other, "waiting", 2);
  await other.locator(".waiting", { hasText: "made while away" }).waitFor();
  assert.equal(await other.locator("ol li", { hasText: "made elsewhere" }).count(), 0);

  await other.locator("#drop").click();
  await shows(other, "#state", "Back: nothing was lost");
  await is(other, "waiting", 0);
  await is(other, "caught-up", 3);
  await one.locator("#tabs .away").waitFor({ state: "detached" });
  await shows(one, "ol[data-column=todo]", "made while away");
  await one.locator("ol li", { hasText: "Save the maps" }).waitFor({ state: "detached" });
  for (const page of [one, other]) {
    assert.deepEqual(await cards(page, "todo"), ["made elsewhere", "made while away"]);
    assert.deepEqual(await cards(page, "doing"), ["Book seats", "Pack the tent"]);
    assert.deepEqual(await cards(page, "done"), ["Choose a lake", "made there, too"]);
  }
  const numbers = ["drops", "resumed", "late", "lost"];
  assert.deepEqual(await Promise.all(numbers.map((name) => number(other, name))), [1, 1, 2, 0]);
  assert.deepEqual(await Promise.all(numbers.map((name) => number(one, name))), [0, 0, 0, 0]);
});

// It makes the picture of the README: artifacts/live.png. Copy it to docs/images.
test("two tabs look good, in light and in dark", async (t) => {
  const viewport = { width: 860, height: 444 };
  const [one, other] = await openTabs(t, ["Ada", "Bo"]);
  await one.setViewportSize(viewport);
  await other.setViewportSize(viewport);
  await other.emulateMedia({ colorScheme: "dark" });
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.deepEqual([await background(one), await background(other)], ["rgb(243, 244, 247)", "rgb(20, 22, 27)"]);

  await other.locator("#drop").click();
  await shows(other, "#state", "Reconnecting");
  await other.locator("#drop").click();
  await shows(other, "#state", "Back: nothing was lost");
  await add(other, "doing", "Buy tickets");
  await shows(one, "ol[data-column=doing]", "Buy tickets");
  await other.locator("#drop").click();
  await shows(other, "#state", "Reconnecting in");
  await add(one, "todo", "Bring the guitar");
  await shows(one, "ol[data-column=todo]", "Bring the guitar");
  await add(other, "todo", "Charge the lamp");
  await press(other, "Buy tickets", "Move right");
  await other.locator("[data-column=done] .waiting").waitFor();

  const picture = await browser.newPage({ viewport: { width: 892, height: 936 } });
  t.after(() => picture.close());
  const images = [];
  for (const page of [one, other]) {
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement.blur());
    images.push(`<img src="data:image/png;base64,${(await page.screenshot({ animations: "disabled" })).toString("base64")}">`);
  }
  await picture.setContent(`<style>
    body { margin: 0; padding: 16px; background: #c9cdd8; }
    img { display: block; width: 860px; border-radius: 12px; margin-bottom: 16px; }
  </style>${images.join("")}`);
  await mkdir(artifacts, { recursive: true });
  await picture.screenshot({ path: join(artifacts, "live.png") });
});
