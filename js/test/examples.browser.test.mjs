// Tests of the examples as their readers use them: built, started, and opened in
// a browser's tabs. The chat has a file of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { launchBrowser, lender } from "./helpers/browser.mjs";
import { startExample } from "./helpers/go.mjs";
import { Inbox, within } from "./helpers/wait.mjs";

let browser;

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

// start starts an example for the duration of a test.
async function start(t, name, options) {
  const example = await startExample(name, options);
  t.after(example.stop);
  return example;
}

const visitors = []; // who are in no test

// newVisitor returns what opens tabs of one browser, whose cookies they share.
async function newVisitor(t) {
  const visitor = visitors.pop() ?? await makeVisitor();
  t.after(async () => {
    await visitor.context.clearCookies();
    visitors.push(visitor);
  });
  return async (address) => {
    const { page } = await visitor.lend(t);
    await page.goto(address);
    return page;
  };
}

async function makeVisitor() {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  return { context, lend: lender(context) };
}

// shows waits until an element of a page shows a text.
function shows(page, selector, text) {
  return page.locator(selector, { hasText: text }).first().waitFor();
}

async function say(page, text) {
  await page.locator("form input").fill(text);
  await page.locator("form input").press("Enter");
}

test("custom-prefix", async (t) => {
  const { url } = await start(t, "custom-prefix");
  const open = await newVisitor(t);
  const [one, other] = [await open(url), await open(url)];
  await shows(one, "#output", "Status: Connected");
  await shows(other, "#output", "Status: Connected");
  await say(one, "hello <b>you</b>");
  await shows(other, "#output", "hello <b>you</b>");
  assert.equal(await one.locator("#output").textContent(), "Status: Connected\nMe: hello <b>you</b>\n");
});

test("connectionlist", async (t) => {
  const { url } = await start(t, "connectionlist");
  const open = await newVisitor(t);
  const one = await open(url);
  await one.locator("#connections li").nth(0).waitFor();
  const other = await open(url);
  await one.locator("#connections li").nth(1).waitFor();
  await one.waitForFunction(() => /^\d\d:\d\d:\d\d$/.test(document.getElementById("time").textContent));

  await other.locator("#leave").click();
  await shows(one, "#messages", /has left room1\.$/);
  await shows(other, "#messages", "You have left room1");
  await one.waitForFunction(() => document.querySelectorAll("#connections li").length === 1);
  const third = await open(url);
  await one.locator("#connections li").nth(1).waitFor();
  await third.close();
  await one.waitForFunction(() => document.querySelectorAll("#connections li").length === 1);
});

test("native-messages", async (t) => {
  const { url } = await start(t, "native-messages");
  const open = await newVisitor(t);
  const [one, other] = [await open(url), await open(url)];
  await shows(one, "#messages", "Connected");
  await shows(other, "#messages", "Connected");
  await say(one, "héllo");
  await shows(one, "#messages", "Me: héllo");
  await shows(other, "#messages", /Message from: [A-Z2-7]{26}-> héllo/);
});

test("secure", async (t) => {
  const { url } = await start(t, "secure", { scheme: "https" });
  const open = await newVisitor(t);
  const [one, other] = [await open(url), await open(url)];
  await shows(one, "#messages", "Connected");
  await shows(other, "#messages", "Connected");
  await say(one, "over TLS");
  await shows(other, "#messages", /From: [A-Z2-7]{26}: over TLS/);
  await say(other, "leave");
  await shows(other, "#messages", "You have left the room.");
  await shows(one, "#messages", "has left the room.");
  await say(other, "not heard");
  await say(one, "alone");
  await shows(one, "#messages", /: alone/);
  assert.doesNotMatch(await one.locator("#messages").textContent(), /not heard/);
});

test("mvc", async (t) => {
  const { url } = await start(t, "mvc");
  const open = await newVisitor(t);
  const one = await open(url);
  await shows(one, "#visitors", "1 online visitor");
  const other = await open(url);
  await shows(one, "#visitors", "2 online visitors");
  await shows(other, "#visitors", "2 online visitors");
  await other.close();
  await shows(one, "#visitors", "1 online visitor");
});

test("online-visitors", async (t) => {
  const { url } = await start(t, "online-visitors");
  const open = await newVisitor(t);
  const [one, other] = [await open(url), await open(url)];
  await shows(one, "#views", "2 online views");
  const elsewhere = await open(`${url}/other`);
  await shows(elsewhere, "#views", "1 online view");
  await other.close();
  await shows(one, "#views", "1 online view");
  await one.goto(`${url}/other`);
  await shows(elsewhere, "#views", "2 online views");
});

test("todo", async (t) => {
  const { url } = await start(t, "todo");
  const [open, openStrangers] = [await newVisitor(t), await newVisitor(t)];
  const one = await open(url);
  await shows(one, "#remaining", "0 items left");
  const other = await open(url);
  await shows(other, "#remaining", "0 items left");
  await say(one, "write a test");
  await say(one, "run it");
  await shows(other, "#remaining", "2 items left");
  await other.locator("li input").first().check();
  await shows(one, "#remaining", "1 item left");
  await one.locator("li button").first().click();
  await other.waitForFunction(() => document.querySelectorAll("li").length === 1);
  await shows(other, "#items", "run it");

  const stranger = await openStrangers(url);
  await shows(stranger, "#remaining", "0 items left");
  const later = await open(url);
  await shows(later, "#items", "run it");
});

test("custom-go-client", async (t) => {
  const { host, file } = await start(t, "custom-go-client", { before: ["server"] });
  const join = async () => {
    const child = spawn(file, ["client", host], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    t.after(() => child.kill("SIGKILL"));
    const heard = new Inbox("a line of a client");
    createInterface({ input: child.stdout }).on("line", heard.put);
    assert.equal(await heard.take(), "joined: all");
    return { heard, input: child.stdin, ended };
  };
  const [one, other] = [await join(), await join()];
  one.input.write("hello; you\n");
  assert.equal(await other.heard.take(), "said: hello; you");
  assert.equal(await one.heard.take(), "said: hello; you");
  for (const { input, ended } of [one, other]) {
    input.end();
    assert.equal(await within(ended, "the client to end"), 0);
  }
});

test("rooms", async (t) => {
  const { url } = await start(t, "rooms");
  const visit = async (name) => {
    const page = await (await newVisitor(t))(url);
    await page.locator("#login input").fill(name);
    await page.locator("#login input").press("Enter");
    await shows(page, "#members", name);
    return page;
  };
  const one = await visit("ann"), other = await visit("bob");
  await shows(one, "#members", "ann, bob");
  await one.locator("#say [name=text]").fill("hello <b>you</b>");
  await one.locator("#say [name=picture]").setInputFiles({
    name: "dot.gif", mimeType: "image/gif", buffer: Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "base64"),
  });
  await one.locator("#say button").click();
  await shows(other, "#list li", "ann: hello <b>you</b>");
  await other.locator("#list img[src^='data:image/gif']").waitFor();
  await other.locator("#whisper [name=to]").fill("ann");
  await other.locator("#whisper [name=text]").fill("psst");
  await other.locator("#whisper button").click();
  await shows(one, "#list li", "bob to you: psst");
  await other.locator("#announce [name=text]").fill("hi");
  await other.locator("#announce button").click();
  await shows(other, "#list li", "Error: you may not announce");
  await other.locator("#room").selectOption("music");
  await shows(other, "#members", /^bob$/);
  await shows(one, "#members", /^ann$/);
  await Promise.all([one.close(), other.close()]); // before the server ends: they would dial it again
});
