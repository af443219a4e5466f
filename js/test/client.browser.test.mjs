// Tests of what the browser client does only in a browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { complaints, launchBrowser } from "./helpers/browser.mjs";
import { startTestServer } from "./helpers/go.mjs";
import { Inbox } from "./helpers/wait.mjs";

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// openPage opens a page of the server's in a window of its own, and checks at
// the end of the test that nothing went wrong in it.
async function openPage(t, address) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true }); // the test server signs for itself
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors = complaints(page);
  t.after(async () => {
    await context.close();
    assert.deepEqual(errors, []);
  });
  const sockets = new Inbox("a WebSocket");
  page.on("websocket", (socket) => sockets.put(record(socket)));
  await page.goto(address);
  await page.evaluate(defineTools);
  return { page, sockets, errors };
}

// record keeps what goes over a WebSocket, beginning with its first message.
function record(socket) {
  const sent = new Inbox("a message to the server");
  const received = new Inbox("a message to the client");
  socket.on("framesent", ({ payload }) => sent.put(payload));
  socket.on("framereceived", ({ payload }) => received.put(payload));
  return { url: socket.url(), sent, received };
}

// defineTools runs in the page. What it defines there settles on its own or
// fails with what was missing.
function defineTools() {
  const patience = 15_000;
  const within = (what, begin) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`waited in vain for ${what}`)), patience);
    begin(resolve);
  });
  globalThis.connected = (ws) => within("the connection", (resolve) => ws.OnConnect(resolve));
  globalThis.disconnected = (ws) => within("the end", (resolve) => ws.OnDisconnect(resolve));
  // ask emits an event and returns the server's answer to it.
  globalThis.ask = (ws, event, data, answer = "seen") => within(answer, (resolve) => {
    ws.On(answer, resolve);
    ws.Emit(event, data);
  });
  // askNative is ask for native messages.
  globalThis.askNative = (ws, data) => within("a native message", (resolve) => {
    ws.OnMessage(resolve);
    ws.EmitMessage(data);
  });
  // kind makes a payload known outside the page, where an ArrayBuffer can't go.
  globalThis.kind = (payload) => payload instanceof ArrayBuffer ? { bytes: [...new Uint8Array(payload)] } : payload;
}

const everyByte = Array.from({ length: 256 }, (_, value) => value);

describe("on a page of the server's", () => {
  test("without an address the script finds the endpoint", async (t) => {
    const { page, sockets } = await openPage(t, server.url);
    const seen = await page.evaluate(() => ask(new Ws(), "as string", "hello 👋"));
    assert.equal(seen, "string:hello 👋");
    assert.equal((await sockets.take()).url, `ws://${server.host}/echo`);
  });

  test("a path, and an address", async (t) => {
    const { page, sockets } = await openPage(t, server.url);
    for (const address of ["/echo", `ws://${server.host}/echo`, `${server.host}/echo`, `${server.url}/echo`]) {
      assert.equal(await page.evaluate((given) => ask(new Ws(given), "as int", 7), address), "int:7");
      assert.equal((await sockets.take()).url, `ws://${server.host}/echo`);
    }
  });

  test("the script as a module", async (t) => {
    const { page } = await openPage(t, server.url);
    const seen = await page.evaluate(async () => {
      delete globalThis.Ws;
      await import("/iris-ws.js");
      return ask(new Ws(), "as bool", true);
    });
    assert.equal(seen, "bool:true");
  });

  test("bytes in both directions", async (t) => {
    const { page } = await openPage(t, server.url);
    const answers = await page.evaluate(async (values) => {
      const bytes = Uint8Array.from(values);
      return {
        event: kind(await ask(new Ws(), "as bytes", bytes.buffer, "echo")),
        view: kind(await ask(new Ws(), "as any", bytes.subarray(128), "echo")),
        native: kind(await askNative(new Ws(), bytes.buffer)),
      };
    }, everyByte);
    assert.deepEqual(answers, {
      event: { bytes: everyByte },
      view: { bytes: everyByte.slice(128) },
      native: { bytes: everyByte },
    });
  });

  test("a server with BinaryMessages sends nothing but binary messages", async (t) => {
    const { page, sockets } = await openPage(t, server.url);
    const answers = await page.evaluate(async () => {
      return [
        await ask(new Ws("/binary"), "as string", "γειά σου 👋", "echo"),
        await ask(new Ws("/binary"), "as any", { a: 1 }, "echo"),
        kind(await ask(new Ws("/binary"), "as bytes", "abc", "echo")),
        kind(await askNative(new Ws("/binary"), "abc")),
      ];
    });
    const abc = { bytes: [97, 98, 99] };
    assert.deepEqual(answers, ["γειά σου 👋", '{"a":1}', abc, abc]);
    for (const socket of answers.map(() => sockets.take())) {
      const { received } = await socket;
      assert.ok(Buffer.isBuffer(await received.take())); // text would be a string
    }
  });

  test("the script of a server with another prefix", async (t) => {
    const { page, sockets } = await openPage(t, `${server.url}/my-app-page`);
    assert.equal(await page.evaluate(() => ask(new Ws(), "as int", 42)), "int:42");
    const { url, sent, received } = await sockets.take();
    assert.equal(url, `ws://${server.host}/my-app`);
    assert.equal(await sent.take(), "my-app:as int;1;42");
    assert.equal(await received.take(), "my-app:seen;0;int:42");
  });

  test("the client disconnects", async (t) => {
    const { page, errors } = await openPage(t, server.url);
    const warned = page.waitForEvent("console"); // by the browser, of the message that goes nowhere
    const states = await page.evaluate(async () => {
      const ws = new Ws();
      await connected(ws);
      const states = [ws.conn.readyState];
      ws.Disconnect();
      await disconnected(ws);
      ws.Emit("as string", "nobody is there"); // must not throw
      return [...states, ws.conn.readyState];
    });
    assert.deepEqual(states, [1, 3]);
    assert.match((await warned).text(), /already in CLOSING or CLOSED state/);
    assert.equal(errors.splice(0).length, 1);
  });

  test("the server disconnects, in an orderly way", async (t) => {
    const { page } = await openPage(t, server.url);
    const end = await page.evaluate(async () => {
      const ws = new Ws();
      const end = new Promise((resolve) => ws.conn.addEventListener("close", resolve));
      ws.Emit("kick");
      await disconnected(ws);
      const { code, wasClean } = await end;
      return { code, wasClean };
    });
    assert.deepEqual(end, { code: 1000, wasClean: true });
  });

  test("a listener that throws is seen in the console, and keeps no other from being called", async (t) => {
    const { page, errors } = await openPage(t, server.url);
    const thrown = page.waitForEvent("pageerror");
    const seen = await page.evaluate(() => {
      const ws = new Ws();
      ws.On("seen", () => {
        throw new Error("the first listener fails");
      });
      return ask(ws, "as int", 1);
    });
    assert.equal(seen, "int:1");
    assert.equal((await thrown).message, "the first listener fails");
    assert.deepEqual(errors.splice(0), ["Error: the first listener fails"]);
  });
});

describe("on a secure page", () => {
  // openSecurePage opens the page and checks that it came over HTTP/2, which
  // has no upgrade to WebSocket: the browser needs a connection of its own.
  async function openSecurePage(t) {
    const tab = await openPage(t, server.secureURL);
    const protocol = await tab.page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol);
    assert.equal(protocol, "h2");
    return tab;
  }

  const addresses = {
    "the address of old pages": () => `ws://${location.host}/echo`,
    "a secure address": () => `wss://${location.host}/echo`,
    "a path": () => "/echo",
    "nothing": () => undefined,
  };
  for (const [name, address] of Object.entries(addresses)) {
    test(`${name} becomes a secure connection`, async (t) => {
      const { page, sockets } = await openSecurePage(t);
      const seen = await page.evaluate(`ask(new Ws((${address})()), "as string", "hello")`);
      assert.equal(seen, "string:hello");
      assert.equal((await sockets.take()).url, `wss://${server.secureHost}/echo`);
    });
  }

  test("another server on the same machine needs no TLS", async (t) => {
    const { page, sockets } = await openSecurePage(t);
    const address = `ws://${server.host}/echo`;
    assert.equal(await page.evaluate((given) => ask(new Ws(given), "as int", 1), address), "int:1");
    assert.equal((await sockets.take()).url, address);
  });
});
