// Tests of the chat example in a browser: two people in two tabs.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { complaints, launchBrowser } from "./helpers/browser.mjs";
import { root, startExample } from "./helpers/go.mjs";
import { within } from "./helpers/wait.mjs";

const artifacts = join(root, "artifacts");
const identifier = "[A-Z2-7]{26}"; // as the server makes them
const greeting = "Websocket connection enstablished"; // what chat.js logs, letter by letter

let chat;
let browser;

before(async () => {
  [chat, browser] = await Promise.all([startExample("chat"), launchBrowser()]);
});

after(async () => {
  await browser?.close();
  await chat?.stop();
});

// openTab opens the chat and waits until it is connected.
async function openTab() {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  // The page names no icon, so a browser may ask for one that isn't there.
  const errors = complaints(page);
  const unexpected = () => errors.filter((error) => !error.includes("/favicon.ico"));
  const connected = page.waitForEvent("console", (message) => message.text() === greeting);
  await page.goto(chat.url);
  await connected;
  return { page, unexpected };
}

// say types a text and sends it.
async function say({ page }, text) {
  await page.locator("#messageTxt").pressSequentially(text);
  await page.locator("#sendBtn").click();
  assert.equal(await page.locator("#messageTxt").inputValue(), "");
}

// hear waits for the tab's message of that number, counted from 0, and returns
// it.
async function hear({ page }, number) {
  return page.locator("#messages > div").nth(number).textContent();
}

// countMessages returns how many messages a tab shows.
function countMessages({ page }) {
  return page.locator("#messages > div").count();
}

// exchange has one tab say something and checks what both show.
async function exchange(speaker, listener, text) {
  const [said, heard] = [await countMessages(speaker), await countMessages(listener)];
  await say(speaker, text);
  assert.equal(await hear(speaker, said), `Message from myself: ${text}`);
  const message = await hear(listener, heard);
  const parts = new RegExp(`^Message from: (${identifier})-> (.*)$`, "s").exec(message);
  assert.ok(parts, message);
  assert.equal(parts[2], text);
  return parts[1];
}

// crash kills the process that shows a tab, so that nothing in it says goodbye.
async function crash({ page }) {
  const crashed = page.waitForEvent("crash");
  const session = await page.context().newCDPSession(page);
  session.send("Page.crash").catch(() => {}); // nobody is left to answer
  await within(crashed, "the tab to crash");
}

describe("the chat", () => {
  let first;
  let second;

  before(async () => {
    [first, second] = [await openTab(), await openTab()];
  });

  test("one writes, both read, and the other way round", async () => {
    const firstID = await exchange(first, second, "hello from the first");
    const secondID = await exchange(second, first, "hello from the second");
    assert.notEqual(firstID, secondID);
    assert.equal(await exchange(first, second, "a second time"), firstID);
  });

  test("text that is not ASCII, or looks like something else", async () => {
    await exchange(second, first, "déjà vu é 👋");
    await exchange(first, second, "1 < 2 & 3 > 2; 4");
  });

  test("screenshots", async () => {
    await mkdir(artifacts, { recursive: true });
    await first.page.screenshot({ path: join(artifacts, "chat-1.png") });
    await second.page.screenshot({ path: join(artifacts, "chat-2.png") });
  });

  test("text that is no text to JavaScript", async () => {
    for (const text of ["42", "007", "1.5", "true", '{"a":1}']) {
      await exchange(first, second, text);
      await exchange(second, first, text);
    }
  });

  test("one crashes, and the other chats on with a third", async () => {
    await crash(first);
    const third = await openTab();
    await exchange(second, third, "who are you?");
    await exchange(third, second, "the third one");
    assert.deepEqual(third.unexpected(), []);
  });

  test("one leaves, and the other chats on with a fourth", async () => {
    const third = await openTab();
    await third.page.close();
    const fourth = await openTab();
    await exchange(second, fourth, "still here?");
    await exchange(fourth, second, "still here");
    assert.deepEqual(fourth.unexpected(), []);
  });

  test("nothing went wrong in the pages", () => {
    assert.deepEqual(first.unexpected(), []);
    assert.deepEqual(second.unexpected(), []);
  });
});

test("the page says so when the server is gone", async () => {
  const own = await startExample("chat");
  const page = await browser.newPage();
  const connected = page.waitForEvent("console", (message) => message.text() === greeting);
  await page.goto(own.url);
  await connected;
  await own.stop();
  await page.getByText("Disconnected").waitFor({ timeout: 15_000 });
  assert.equal(await page.getByText("Disconnected").count(), 1);
  await page.close();
});
