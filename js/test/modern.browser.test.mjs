// What connect does in Chromium, Firefox and WebKit. DROP_PAGES and PAGE_DROPS say how many
// pages of each have dropping connections, and how many drops each page.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { browsers, lender, startBrowser } from "./helpers/browsers.mjs";
import { startModernServer } from "./helpers/go.mjs";
import { connectedPage, drops, lives, scenarios } from "./helpers/page-scenarios.mjs";
import { startTCPProxy } from "./helpers/tcp-proxy.mjs";
import { within } from "./helpers/wait.mjs";

const pages = +(process.env.DROP_PAGES ?? 4);
const dropsOfEach = +(process.env.PAGE_DROPS ?? 10);

let server;
before(async () => { server = await startModernServer(); });
after(() => server?.stop());

// All browsers run at the same time: most of it is waiting.
describe("connect", { concurrency: true }, () => {
  for (const name of browsers) {
    describe(name, { concurrency: false }, () => runIn(name));
  }
});

function runIn(name) {
  let browser;
  let lend;
  before(async () => {
    browser = await startBrowser(name);
    lend = lender(browser);
  });
  after(() => browser?.close());

  // opener returns a function that opens pages for a test, and closes them after it.
  const opener = (t) => async () => {
    const page = await browser.openPage();
    let isOpen = true;
    const close = async () => {
      if (isOpen) {
        isOpen = false;
        await page.close();
      }
    };
    t.after(async () => {
      await close();
      assert.deepEqual(page.complaints(), []);
    });
    return { ...page, close };
  };

  for (const [title, scenario] of Object.entries(scenarios)) {
    test(title, async (t) => within(scenario(await lend(t), server), "the scene"));
  }

  for (const [title, life] of Object.entries(lives)) {
    test(title, (t) => within(life(t, opener(t), server), "the scene", 30_000));
  }

  test(`${pages} pages, ${dropsOfEach} drops of each`, async (t) => {
    const all = []; // opened one after the other: many at once would take too long
    while (all.length < pages) {
      all.push(await opener(t)());
      await all.at(-1).goto(`${server.url}/script`);
    }
    const exercise = async (page) => {
      const proxy = await startTCPProxy(new URL(server.url).port);
      t.after(proxy.stop);
      const enough = new Promise((resolve) => {
        proxy.cut = () => {
          if (proxy.drops < dropsOfEach) {
            return 200 + Math.floor(Math.random() * 4000);
          }
          resolve();
          return Infinity;
        };
      });
      return drops(page, proxy, enough);
    };
    const results = await within(Promise.all(all.map(exercise)), "the end of the drops", 60_000 + pages * dropsOfEach * 100);
    for (const { sent, taken, wrongUp, sentDown, last, wrongDown, problems, counts } of results) {
      assert.deepEqual({ taken, wrongUp, last, wrongDown, problems }, { taken: sent, wrongUp: 0, last: sentDown, wrongDown: 0, problems: [] });
      assert.equal(counts.resumed, counts.connected - 1);
      assert.ok(counts.resumed > dropsOfEach / 4, `${counts.resumed} resumes`);
    }
    const sum = (of) => results.reduce((total, result) => total + of(result), 0);
    console.log(`${name}: ${pages * dropsOfEach} drops, ${sum(({ counts }) => counts.resumed)} resumes, ${sum(({ sent }) => sent)} messages up, ${sum(({ last }) => last)} down`);
  });

  if (name === "chromium") {
    // Only Chromium's driver can freeze a page or take its network away.
    test("a frozen page whose network dropped resumes its session", async (t) => {
      const { page, proxy } = await connectedPage(t, opener(t), server);
      const cdp = await page.context.newCDPSession(page.tab);
      await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
      proxy.drop();
      await cdp.send("Page.setWebLifecycleState", { state: "active" });
      assert.deepEqual(await page.run("async () => [await ws.ask('add', [1, 2]), ws.id === id, told]"), [3, true, ["Connected", "Suspended", "Connected", "Resumed"]]);
    });

    test("offline, and online again", async (t) => {
      const { page, proxy } = await connectedPage(t, opener(t), server);
      proxy.refuse = true;
      await page.context.setOffline(true);
      proxy.drop();
      await page.run("() => new Promise((resolve) => ws.state === 'reconnecting' ? resolve() : ws.onReconnecting(resolve))");
      proxy.refuse = false;
      await page.context.setOffline(false);
      assert.deepEqual(await page.run("async () => [await ws.ask('add', [1, 2]), ws.id === id]"), [3, true]);
    });
  }
}
