// What new Ws does in Firefox and WebKit. client.browser.test.mjs has more of it, in
// Chromium.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { browsers, lender, startBrowser } from "./helpers/browsers.mjs";
import { startTestServer } from "./helpers/go.mjs";
import { within } from "./helpers/wait.mjs";

let server;
before(async () => { server = await startTestServer(); });
after(() => server?.stop());

describe("new Ws", { concurrency: true }, () => {
  for (const name of browsers.filter((name) => name !== "chromium")) {
    describe(name, { concurrency: false }, () => runIn(name));
  }
});

// defineTools runs in a page. They wait for ever: the test doesn't.
function defineTools() {
  const { globalThis: page } = globalThis;
  page.ended = (ws) => new Promise((resolve) => ws.OnDisconnect(resolve));
  // ask emits an event, and returns the server's answer and the address of the connection.
  page.ask = (ws, event, data, answer = "seen") => new Promise((resolve) => {
    ws.On(answer, (payload) => resolve([payload, ws.conn.url]));
    ws.Emit(event, data);
  });
  // kind makes a payload known outside of the page.
  page.kind = (payload) => payload instanceof ArrayBuffer ? [...new Uint8Array(payload)] : payload;
}

function runIn(name) {
  let browser;
  let lend;
  before(async () => {
    browser = await startBrowser(name);
    lend = lender(browser);
  });
  after(() => browser?.close());

  // openPage opens a page, which may complain of what is expected only.
  async function openPage(t, address, expected) {
    const page = await lend(t, expected);
    await page.goto(address);
    await page.run(defineTools);
    return { ...page, run: (...task) => within(page.run(...task), "the page") };
  }

  test("addresses", async (t) => {
    const { run } = await openPage(t, server.url);
    const endpoint = `ws://${server.host}/echo`;
    for (const address of ["", "/echo", endpoint, `${server.host}/echo`, `${server.url}/echo`]) {
      assert.deepEqual(await run("(address) => ask(new Ws(address), 'as int', 7)", address), ["int:7", endpoint], address);
    }
  });

  for (const prefix of ["", "/behind/a/proxy"]) {
    test(`the script as a module, its address beginning with "${prefix}"`, async (t) => {
      const { run } = await openPage(t, server.url);
      const expected = ["bool:true", `ws://${server.host}${prefix}/echo?a=b`];
      assert.deepEqual(await run(async (src) => {
        delete globalThis.Ws;
        const element = Object.assign(document.createElement("script"), { type: "module", src });
        const loaded = new Promise((resolve) => { element.onload = resolve; });
        document.body.append(element);
        await loaded;
        return globalThis.ask(new globalThis.Ws("?a=b"), "as bool", true);
      }, `${prefix}/iris-ws.js`), expected);
      assert.deepEqual(await run(async (src) => {
        delete globalThis.Ws;
        await import(src);
        return globalThis.ask(new globalThis.Ws("?a=b"), "as bool", true);
      }, `${prefix}/iris-ws.js?imported`), expected);
    });
  }

  test("bytes, Blobs and text, before the connection stands and then", async (t) => {
    const { run } = await openPage(t, server.url);
    assert.deepEqual(await run(async () => {
      const { Ws, kind } = globalThis;
      const ws = new Ws();
      const answers = [];
      ws.On("echo", (payload) => answers.push(kind(payload)));
      ws.OnMessage((message) => answers.push(kind(message)));
      for (let i = 0; i < 2; i++) {
        const bytes = Uint8Array.of(0, 1, 128, 255);
        ws.Emit("as bytes", bytes.buffer);
        ws.Emit("as any", bytes.subarray(2));
        ws.EmitMessage(bytes);
        ws.EmitMessage(new Blob(["a Blob"]));
        ws.EmitMessage("δοκιμή 👋");
        bytes.fill(9); // they were copied
        await new Promise((resolve) => {
          ws.On("id", resolve);
          ws.Emit("who am I");
        });
      }
      return answers;
    }), Array(2).fill([[0, 1, 128, 255], [128, 255], [0, 1, 128, 255], "a Blob", "δοκιμή 👋"]).flat());
  });

  test("a server with BinaryMessages", async (t) => {
    const { run } = await openPage(t, server.url);
    assert.deepEqual(await run(async () => {
      const { ask, kind, Ws } = globalThis;
      const [text] = await ask(new Ws("/binary"), "as string", "γειά σου 👋", "echo");
      const [object] = await ask(new Ws("/binary"), "as any", { a: 1 }, "echo");
      const [bytes] = await ask(new Ws("/binary"), "as bytes", "abc", "echo");
      return [text, object, kind(bytes)];
    }), ["γειά σου 👋", '{"a":1}', [97, 98, 99]]);
  });

  test("the client disconnects, and the server does", async (t) => {
    const { run } = await openPage(t, server.url);
    assert.deepEqual(await run(async () => {
      const { ended, Ws } = globalThis;
      const ws = new Ws();
      await new Promise((resolve) => ws.OnConnect(resolve));
      ws.Disconnect();
      await ended(ws);
      ws.Emit("as string", "nobody is there"); // must not throw

      const kicked = new Ws();
      const end = new Promise((resolve) => kicked.conn.addEventListener("close", resolve));
      kicked.Emit("kick");
      await ended(kicked);
      const { code, wasClean } = await end;
      return [ws.conn.readyState, code, wasClean];
    }), [3, 1000, true]);
  });

  test("a page that may not connect is told of the end once", async (t) => {
    const { run } = await openPage(t, `${server.url}/no-connections`, /Content-Security-Policy/);
    assert.equal(await run(async () => {
      const { ended, Ws } = globalThis;
      const ws = new Ws();
      let calls = 0;
      ws.OnDisconnect(() => calls++);
      ws.Emit("as string", "hello"); // must not throw
      await ended(ws);
      await ended(new Ws()); // by then the browser has told all of the first one
      ws.Emit("as string", "hello");
      ws.OnDisconnect(() => { calls += 10; });
      return calls;
    }), 11);
    assert.equal(await run(async () => {
      const ws = globalThis.Ws.connect();
      ws.onError(() => {}); // of Firefox, which throws
      await new Promise((resolve) => ws.onReconnecting(resolve));
      ws.disconnect();
      return ws.state;
    }), "disconnected");
  });

  test("a page left open by a server that dies is told of the end", async (t) => {
    const dying = await startTestServer();
    let isUp = true;
    const stop = () => isUp && (isUp = false, dying.stop());
    t.after(stop);
    const { run } = await openPage(t, dying.url);
    await run("() => ask(globalThis.ws = new Ws(), 'as int', 1)");
    await stop();
    assert.equal(await run("async () => { await ended(ws); return ws.conn.readyState; }"), 3);
  });

  test("a secure page", async (t) => {
    const { run } = await openPage(t, server.secureURL);
    for (const address of [`ws://${server.secureHost}/echo`, "/echo", ""]) {
      assert.deepEqual(await run("(address) => ask(new Ws(address), 'as int', 1)", address), ["int:1", `wss://${server.secureHost}/echo`], address);
    }
  });

  test("frames and workers without an address of their own", async (t) => {
    const { run } = await openPage(t, server.url);
    const echo = `ws://${server.host}/echo`;
    const behind = `ws://${server.host}/behind/a/proxy/echo`;
    const told = await run(async (tools) => {
      const html = `<!doctype html><script src="${location.origin}/behind/a/proxy/iris-ws.js"></script>`;
      const blob = URL.createObjectURL(new Blob([html], { type: "text/html" }));
      const program = `importScripts("${location.origin}/behind/a/proxy/iris-ws.js");`;
      const ask = `async (address) => { (${tools})(); return globalThis.ask(new Ws(address), "as int", 1); }`;
      const told = {};
      for (const [name, attributes] of Object.entries({ srcdoc: { srcdoc: html }, blob: { src: blob } })) {
        const frame = Object.assign(document.createElement("iframe"), attributes);
        const loaded = new Promise((resolve) => { frame.onload = resolve; });
        document.body.append(frame);
        await loaded;
        told[name] = await Promise.all([undefined, "/echo"].map(frame.contentWindow.eval(`(${ask})`)));
      }
      const worker = new Worker(URL.createObjectURL(new Blob([
        `${program} onmessage = async ({ data }) => postMessage(await Promise.all(data.map(${ask})));`,
      ])));
      told.worker = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage([undefined, "/echo"]);
      });
      return told;
    }, String(defineTools));
    const expected = [["int:1", behind], ["int:1", echo]];
    assert.deepEqual(told, { srcdoc: expected, blob: expected, worker: expected });
  });

  test("a frame that must not know where it is from", async (t) => {
    const { run } = await openPage(t, server.url);
    const message = await run(async () => {
      const source = await (await fetch("/iris-ws.js")).text();
      const told = new Promise((resolve) => { onmessage = ({ data }) => resolve(data); });
      const frame = document.createElement("iframe");
      frame.sandbox = "allow-scripts";
      frame.srcdoc = `<!doctype html><script>${source}</script><script>
        try { new Ws("/echo"); } catch ({ message }) { parent.postMessage(message, "*"); }</script>`;
      document.body.append(frame);
      return told;
    });
    assert.match(message, /pass a whole address, such as new Ws\("wss:\/\/example.com\/ws"\)/);
  });
}
