// Tests of what the documents say about proxies: each configuration in them runs
// in the real nginx, HAProxy or Caddy, between a browser and a server.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchBrowser, lender } from "./helpers/browser.mjs";
import { root, startTestServer } from "./helpers/go.mjs";
import { documentedBlocks, languages, makeCertificate, site, startProxy } from "./helpers/proxies.mjs";

// What the configurations under a heading are for.
const cases = {
  "On any port": { path: "" },
  "Under a path": { path: "/app" },
  "With TLS that ends at the proxy": { path: "", secure: true },
};

// A Go test has nginx read those of DEPLOYING.md and SCALING.md.
const blocks = (await documentedBlocks(languages)).filter(({ file }) => !["docs/DEPLOYING.md", "docs/SCALING.md"].includes(file));

let server;
let browser;
let lend;
let certificate;

before(async () => {
  // Pages of this machine's own names have privileges, so the pages have others.
  const names = ["--host-resolver-rules=MAP *.example 127.0.0.1"];
  [server, browser, certificate] = await Promise.all([startTestServer(), launchBrowser(names), makeCertificate()]);
  lend = lender(await browser.newContext({ ignoreHTTPSErrors: true })); // nobody has signed the certificate
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await certificate?.remove();
});

test("the documents have a configuration for each proxy and case", async () => {
  const found = blocks.map(({ file, heading, language }) => `${file}, ${heading}: ${language}`);
  assert.deepEqual(found, Object.keys(cases).flatMap((heading) => languages.map((language) => `docs/PROXIES.md, ${heading}: ${language}`)));
  for (const file of ["docs/DEPLOYING.md", "docs/PROXIES.md"]) { // which the server of this test has been told, too
    assert.ok((await readFile(join(root, file), "utf8")).includes('iris.WithSSLProxyHeader("X-Forwarded-Proto", "https")'), file);
  }
});

test("no documented timeout is shorter than the time between two pings", async () => {
  const timeouts = blocks.flatMap(({ text }) => [...text.matchAll(/(proxy_read_timeout|timeout (?:client|server|tunnel)) (\d+)s/g)]);
  assert.equal(timeouts.length, 3 + 3 * 3);
  for (const [timeout, , seconds] of timeouts) {
    assert.ok(Number(seconds) > 54 + 10, timeout); // the network takes its time, too
  }
});

for (const block of blocks) {
  test(`${block.file}, ${block.heading}: ${block.language}`, async (t) => {
    const { path, secure } = cases[block.heading];
    const proxy = await startProxy(block, {
      backend: new URL(secure ? server.behindURL : server.url).host,
      certificate: secure ? certificate : undefined,
    });
    t.after(proxy.stop);

    const { page, errors } = await openPage(t, `${secure ? "https" : "http"}://${proxy.host}${path}/beside-the-script`);
    const answers = [await page.evaluate(converse, undefined), await page.evaluate(converse, `${path}/echo`)];
    assert.deepEqual({ answers, errors }, { answers: ["string:hello 👋", "string:hello 👋"], errors: [] });

    // Pages from elsewhere stay outside: those of another name, and of another
    // port of the same name.
    const endpoint = `${secure ? "wss" : "ws"}://${proxy.host}${path}/echo`;
    for (const name of ["evil.example", site]) {
      const foreign = await openPage(t, `http://${name}:${new URL(server.url).port}/beside-the-script`);
      const refused = foreign.page.waitForEvent("console", (message) => /handshake.* 403/.test(message.text()));
      assert.equal(await foreign.page.evaluate(converse, endpoint), "disconnected");
      await refused;
      assert.equal(foreign.errors.splice(0).length, 1);
    }
  });
}

async function openPage(t, address) {
  const { page, errors } = await lend(t);
  await page.goto(address);
  return { page, errors };
}

// converse runs in a page. It emits an event, and returns what the server emits
// then, or that the connection has ended or couldn't be made.
function converse(address) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("waited in vain for an answer")), 15_000);
    const ws = address === undefined ? new Ws() : new Ws(address);
    ws.On("seen", (message) => {
      resolve(message);
      ws.Disconnect();
    });
    ws.OnDisconnect(() => resolve("disconnected"));
    ws.Emit("as string", "hello 👋");
  });
}
