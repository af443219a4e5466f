// Starting the Chromium that the machine has.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { chromium } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome"];

function executablePath() {
  try {
    const search = names.map((name) => `command -v ${name}`).join(" || ");
    return execFileSync("sh", ["-c", search], { encoding: "utf8" }).trim();
  } catch {
    throw new Error(`none of ${names.join(", ")} is installed; these tests need one of them`);
  }
}

// Features that no test needs. With each tab, Chromium loads two pages of its address bar,
// which take more of the processor than the tab. The features after them are those that
// Playwright turns off by a flag of its own: only the last such flag counts.
const noFeatures = [
  "WebUIOmniboxPopup", "WebUIOmniboxAimPopup",
  "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync",
  "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter",
  "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch",
  "TcpPortRandomizationWin", "ThirdPartyStoragePartitioning",
].join();

// launchBrowser starts it, with more flags than the usual ones, and more of Playwright's
// options, if need be.
export function launchBrowser(more = [], options = {}) {
  return chromium.launch({
    ...options,
    executablePath: executablePath(),
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      `--disable-features=${noFeatures}`, ...more,
    ],
  });
}

// lender returns a function that lends tabs of a context to tests, each with the complaints
// of its page. The next test gets the same ones: a new tab takes several times as much of the
// processor as a new page in it. At the end of a test, nothing must have gone wrong but what
// the test expects.
export function lender(context) {
  const free = [];
  return async (t, expected = /^$/) => {
    const page = free.pop() ?? await context.newPage();
    page.setDefaultTimeout(15_000);
    const errors = complaints(page);
    t.after(async () => {
      if (!page.isClosed()) {
        await page.goto("about:blank");
        ["pageerror", "console", "websocket"].forEach((event) => page.removeAllListeners(event));
        free.push(page);
      }
      assert.deepEqual(errors.filter((error) => !expected.test(error)), []);
    });
    return { page, errors };
  };
}

// complaints collects the errors of a page's scripts and of its console.
export function complaints(page) {
  const list = [];
  page.on("pageerror", (error) => list.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") {
      list.push(`${message.text()} (${message.location().url})`);
    }
  });
  return list;
}
