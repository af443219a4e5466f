// Tests of what the browser client does only in a browser.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, describe, test } from "node:test";

import { launchBrowser, lender } from "./helpers/browser.mjs";
import { clientSource } from "./helpers/client.mjs";
import { startTestServer } from "./helpers/go.mjs";
import { Inbox } from "./helpers/wait.mjs";

let server;
let browser;
let lend;

before(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
  lend = lender(await browser.newContext({ ignoreHTTPSErrors: true })); // the test server signs for itself
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// openPage opens a page of the server's. At the end of the test, nothing must have gone wrong
// in it.
async function openPage(t, address) {
  const { page, errors } = await lend(t);
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

  for (const prefix of ["", "/behind/a/proxy"]) {
    test(`the script as a module, its address beginning with "${prefix}"`, async (t) => {
      const { page, sockets } = await openPage(t, server.url);
      const include = {
        "by an element": (element, src) => new Promise((resolve) => Object.assign(element, { src, onload: resolve })),
        "by an import": (element, src) => new Promise((resolve) => {
          globalThis.imported = resolve;
          element.textContent = `import ${JSON.stringify(src)}; imported();`;
        }),
      };
      for (const [how, begin] of Object.entries(include)) {
        await page.reload();
        await page.evaluate(defineTools);
        const seen = await page.evaluate(async ({ begin, src }) => {
          delete globalThis.Ws;
          const element = document.createElement("script");
          element.type = "module";
          const included = (0, eval)(`(${begin})`)(element, src);
          document.body.append(element);
          await included;
          return ask(new Ws("?a=b"), "as bool", true);
        }, { begin: String(begin), src: `${prefix}/iris-ws.js` });
        assert.equal(seen, "bool:true", how);
        assert.equal((await sockets.take()).url, `ws://${server.host}${prefix}/echo?a=b`, how);
      }
    });
  }

  test("a copy of the script within the page", async (t) => {
    const { page, sockets } = await openPage(t, `${server.url}/copy`);
    assert.equal(await page.evaluate(() => ask(new Ws(), "as int", 1)), "int:1");
    assert.equal((await sockets.take()).url, `ws://${server.host}/echo`);
  });

  test("its base says nothing about connections", async (t) => {
    const { page, sockets } = await openPage(t, server.url);
    const answers = await page.evaluate(async () => {
      const base = document.createElement("base");
      base.href = "https://elsewhere.example/some/path/";
      document.head.prepend(base);
      return [await ask(new Ws("/echo"), "as int", 1), await ask(new Ws(), "as int", 2)];
    });
    assert.deepEqual(answers, ["int:1", "int:2"]);
    assert.equal((await sockets.take()).url, `ws://${server.host}/echo`);
    assert.equal((await sockets.take()).url, `ws://${server.host}/echo`);
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

  test("what is sent before the connection stands is what it was then", async (t) => {
    const { page } = await openPage(t, server.url);
    const answers = await page.evaluate(async () => {
      const ws = new Ws();
      const answers = [];
      ws.On("echo", (answer) => answers.push(kind(answer)));
      ws.OnMessage((message) => answers.push(kind(message)));
      const bytes = Uint8Array.of(1, 2, 255);
      // There is no other shared memory without headers that this page hasn't.
      const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      const shared = new Uint8Array(buffer, 0, 3);
      shared.set(bytes);
      ws.EmitMessage(bytes);
      ws.EmitMessage(shared);
      ws.Emit("as bytes", shared);
      bytes.fill(9);
      shared.fill(9);
      const given = new ArrayBuffer(1);
      structuredClone(given, { transfer: [given] });
      for (const wrong of [() => ws.EmitMessage(given), () => ws.Emit("as bytes", given), () => ws.EmitMessage({})]) {
        try {
          wrong();
          answers.push("not refused");
        } catch (error) {
          answers.push(error.name);
        }
      }
      await ask(ws, "who am I", undefined, "id");
      return answers;
    });
    const sent = { bytes: [1, 2, 255] };
    assert.deepEqual(answers, ["TypeError", "TypeError", "TypeError", sent, sent, sent]);
  });

  test("a Blob, also of another frame", async (t) => {
    const { page } = await openPage(t, server.url);
    const answers = await page.evaluate(async () => {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      const { Blob: Other, File: OtherFile } = frame.contentWindow;
      const blobs = [new Blob(["one"]), new Other(["two"]), new OtherFile(["three"], "name")];
      const answers = [];
      for (const blob of blobs) {
        try {
          new Ws().Emit("as bytes", blob);
          answers.push("not refused");
        } catch (error) {
          answers.push(error.message);
        }
        const later = new Ws();
        answers.push(await askNative(later, blob));
        answers.push(await askNative(later, blob));
      }
      return answers;
    });
    const refused = 'Ws: event "as bytes": a Blob can\'t be emitted at once; emit what its arrayBuffer() resolves to';
    assert.deepEqual(answers, ["one", "two", "three"].flatMap((text) => [refused, text, text]));
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

  test("a page that may not connect is told of the end once", async (t) => {
    const { page, errors } = await openPage(t, `${server.url}/no-connections`);
    const calls = await page.evaluate(async () => {
      const ws = new Ws();
      let calls = 0;
      ws.OnDisconnect(() => calls++);
      ws.Emit("as string", "hello"); // must not throw
      await disconnected(ws);
      // Whatever else the browser has to say of this one, it has said when it has
      // told of another one.
      await disconnected(new Ws());
      ws.Emit("as string", "hello");
      ws.OnDisconnect(() => (calls += 10));
      return calls;
    });
    assert.equal(calls, 11);
    const [first, second, ...more] = errors.splice(0).filter((error) => !/already in CLOSING or CLOSED state/.test(error));
    assert.match(first, /Content Security Policy/);
    assert.match(second, /Content Security Policy/);
    assert.deepEqual(more, []);
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

describe("where there is no address of a page's own", () => {
  // openFrame opens a frame within a page, and includes the script there.
  async function openFrame(page, attributes, script = { url: `${server.url}/iris-ws.js` }) {
    await page.evaluate(async (attributes) => {
      const frame = document.createElement("iframe");
      for (const [name, value] of Object.entries(attributes)) {
        frame.setAttribute(name, value);
      }
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
      document.body.append(frame);
      await loaded;
    }, attributes);
    const frame = page.frames().at(-1);
    await frame.addScriptTag(script);
    await frame.evaluate(defineTools);
    return frame;
  }

  const belonging = {
    "about:blank": () => ({}),
    "an address of a script": () => ({ src: "javascript:'<!doctype html><p>made by a script'" }),
    "a frame with its source in an attribute": () => ({ srcdoc: "<!doctype html>" }),
    "a blob": async (page) => ({ src: await page.evaluate(() => URL.createObjectURL(new Blob(["<!doctype html>"], { type: "text/html" }))) }),
  };

  for (const [name, attributes] of Object.entries(belonging)) {
    for (const secure of [false, true]) {
      test(`${name}, of a ${secure ? "secure " : ""}page`, async (t) => {
        const host = secure ? server.secureHost : server.host;
        const url = secure ? server.secureURL : server.url;
        const { page, sockets } = await openPage(t, url);
        const frame = await openFrame(page, await attributes(page), { url: `${url}/behind/a/proxy/iris-ws.js` });
        assert.equal(await frame.evaluate(() => location.host), "");
        const scheme = secure ? "wss" : "ws";
        for (const [address, expected] of [["/echo", "/echo"], [`ws://${host}/echo`, "/echo"], [`${host}/echo`, "/echo"], ["", "/behind/a/proxy/echo"]]) {
          assert.equal(await frame.evaluate((given) => ask(new Ws(given), "as int", 1), address), "int:1", address);
          assert.equal((await sockets.take()).url, `${scheme}://${host}${expected}`, address);
        }
      });
    }
  }

  test("a worker out of a blob", async (t) => {
    const { page } = await openPage(t, server.url);
    const answers = await page.evaluate(async () => {
      const program = `
        importScripts(${JSON.stringify(`${location.origin}/behind/a/proxy/iris-ws.js`)});
        onmessage = function (event) {
          var ws = new Ws(event.data);
          ws.On("seen", function (message) { postMessage([ws.conn.url, message]); });
          ws.OnDisconnect(function () { postMessage([ws.conn.url, "disconnected"]); });
          ws.Emit("as int", 1);
        };`;
      const worker = new Worker(URL.createObjectURL(new Blob([program])));
      const answer = (address) => new Promise((resolve, reject) => {
        worker.onmessage = (event) => resolve(event.data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(address);
      });
      return [await answer("/echo"), await answer(undefined)];
    });
    assert.deepEqual(answers, [
      [`ws://${server.host}/echo`, "int:1"],
      [`ws://${server.host}/behind/a/proxy/echo`, "int:1"],
    ]);
  });

  test("a frame that must not know where it is from", async (t) => {
    const { page, sockets, errors } = await openPage(t, server.url);
    const stranger = await openFrame(page, { sandbox: "allow-scripts", srcdoc: "<!doctype html>" }, { content: clientSource });
    await assert.rejects(stranger.evaluate(() => new Ws("/echo")), /pass a whole address, such as new Ws\("wss:\/\/example.com\/ws"\)/);

    const frame = await openFrame(page, { sandbox: "allow-scripts", srcdoc: "<!doctype html>" });
    assert.equal(await frame.evaluate(() => origin), "null");
    await frame.evaluate(() => disconnected(new Ws("/echo")));
    assert.equal((await sockets.take()).url, `ws://${server.host}/echo`); // as the script's address says
    assert.match(errors.splice(0).join(), /WebSocket connection to .* failed.* 403/); // such frames have no origin to be let in by
  });

  test("a frame of a secure page that can't know that it is one", async (t) => {
    const { page, errors } = await openPage(t, server.secureURL);
    const frame = await openFrame(page, { sandbox: "allow-scripts", srcdoc: "<!doctype html>" }, { content: clientSource });
    // The browser refuses it before it looks for the host.
    await frame.evaluate(() => disconnected(new Ws("ws://example.com/echo")));
    assert.match(errors.splice(0).join(), /SecurityError: .*insecure WebSocket/);
    await assert.rejects(frame.evaluate(() => new Ws("ws://[/echo")), /SyntaxError/);
  });

  test("a file", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "iris-ws-test-"));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "iris-ws.js"), clientSource);
    for (const [name, script] of [["local", "iris-ws.js"], ["served", `${server.url}/iris-ws.js`]]) {
      await writeFile(join(folder, `${name}.html`), `<!doctype html><script src="${script}"></script>`);
    }
    const { page, sockets, errors } = await openPage(t, pathToFileURL(join(folder, "local.html")).href);
    await assert.rejects(page.evaluate(() => new Ws("/echo")), /pass a whole address/);
    await assert.rejects(page.evaluate(() => new Ws(`ws://${location.host}/echo`)), /no host.*pass a whole address/);

    await page.goto(pathToFileURL(join(folder, "served.html")).href);
    await page.evaluate(defineTools);
    await page.evaluate(() => disconnected(new Ws("/echo")));
    assert.equal((await sockets.take()).url, `ws://${server.host}/echo`);
    assert.match(errors.splice(0).join(), /WebSocket connection to .* failed.* 403/);
  });
});
