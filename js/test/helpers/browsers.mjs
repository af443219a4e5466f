// Chromium, Firefox and WebKit behind one interface, for scenes that run in all three. A
// browser has
//
//   openPage()            opens a page in a window of its own
//   close()               ends the browser
//
// and a page has
//
//   goto(address)         opens an address, and waits until it is loaded
//   run(task, ...values)  calls a function in the page with values that JSON can carry, and
//                         returns what its promise resolves to; the function may be a text
//   back(), forward()     walk through its history
//   hasCache              whether it keeps a page with a connection in its back/forward
//                         cache
//   complaints()          returns the errors that no script of the page has caught, once
//   close()
//
// A Chromium page has Playwright's page as its tab, a Firefox page Puppeteer's.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import puppeteer from "puppeteer-core";

import { launchBrowser } from "./browser.mjs";
import { startWebKit, textOf } from "./webkit.mjs";

async function startChromium() {
  // Playwright turns the back/forward cache off.
  const browser = await launchBrowser([], { ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  return {
    async openPage() {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const tab = await context.newPage();
      tab.setDefaultTimeout(15_000);
      const page = driven(tab);
      return {
        tab,
        context,
        ...page,
        hasCache: true,
        back: () => walk(page, -1),
        forward: () => walk(page, 1),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

async function startFirefox({ delaysConnections = true } = {}) {
  const browser = await puppeteer.launch({
    browser: "firefox",
    protocol: "webDriverBiDi",
    executablePath: execFileSync("sh", ["-c", "command -v firefox-esr || command -v firefox"], { encoding: "utf8" }).trim(),
    acceptInsecureCerts: true,
    extraPrefsFirefox: { "network.websocket.delay-failed-reconnects": delaysConnections },
  });
  return {
    async openPage() {
      const context = await browser.createBrowserContext();
      const tab = await context.newPage();
      tab.setDefaultTimeout(15_000);
      return { tab, context, ...driven(tab), hasCache: false, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}

// driven returns what Playwright and Puppeteer do in the same way.
function driven(tab) {
  const errors = [];
  tab.on("pageerror", (error) => isOfNetwork.test(error) || errors.push(String(error)));
  return {
    goto: async (address) => { await tab.goto(address); },
    back: async () => { await tab.goBack(); },
    forward: async () => { await tab.goForward(); },
    run: (task, ...values) => tab.evaluate(textOf(task, values)),
    complaints: () => errors.splice(0),
  };
}

// Firefox tells of a lost connection as of an error of the page's.
const isOfNetwork = /^Error: .*connection to (the server at )?wss?:/;

// walk goes through the history of a Chromium page. Playwright would wait for the load of
// a page from the cache in vain.
async function walk({ run }, steps) {
  const departure = Math.random();
  await run((departure, steps) => {
    globalThis.departure = departure;
    setTimeout(() => history.go(steps), 0); // after the answer
  }, departure, steps);
  const isHere = (departure) => globalThis.departure === departure || document.readyState !== "complete";
  while (await run(isHere, departure).catch(() => true)) { // it fails if the page goes away meanwhile
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const starts = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit };

// browsers are their names. BROWSERS may say which, such as "firefox,webkit".
export const browsers = process.env.BROWSERS?.split(",") ?? Object.keys(starts);

// lender returns a function that lends a page of a browser to tests, one after the other. A
// new page takes several times as much of the processor. At the end of a test, the page must
// not have complained of anything but what the test expects.
export function lender(browser) {
  let page;
  return async (t, expected = /^$/) => {
    page ??= await browser.openPage();
    t.after(async () => {
      await page.goto("about:blank");
      assert.deepEqual(page.complaints().filter((complaint) => !expected.test(complaint)), []);
    });
    return page;
  };
}

// startBrowser starts a browser. Firefox lets a page wait before it connects to a server
// whose connections have failed, unless the options say delaysConnections: false.
export const startBrowser = (name, options) => starts[name](options);
