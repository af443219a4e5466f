// What the tests of connect do in pages. Nothing in here knows how a browser is driven: see
// browsers.mjs.

import assert from "node:assert/strict";

import { startModernServer } from "./go.mjs";
import { startTCPProxy } from "./tcp-proxy.mjs";
import { makeTraffic } from "./traffic.mjs";

const call = (page, task, ...values) => page.run(String(task), ...values);

// Pages get their client so, whether they have the script or the module.
const find = `const connect = globalThis.connect ?? Ws.connect;`;

// talk has a page exchange messages of all kinds.
const talk = `async (url) => {
  ${find}
  const ws = connect(url);
  const answers = [];
  answers.push(await ws.ask("add", [1, 2]), await ws.ask("echo", "42"));
  for (const value of [Uint8Array.of(0, 255), new Uint8Array([9, 0, 255]).subarray(1).buffer.slice(1), new Blob([Uint8Array.of(0, 255)])]) {
    answers.push([...await ws.ask("echo bytes", value)]);
  }
  const message = new Promise((resolve) => ws.onMessage(resolve));
  ws.send("hello");
  answers.push(await message);
  ws.on("question", async (data) => data + "!");
  const asked = new Promise((resolve) => ws.on("asked", resolve));
  ws.emit("ask me", "question");
  answers.push(await asked, ws.state);
  ws.disconnect();
  return answers;
}`;

const answersOfTalk = [3, "42", [0, 255], [0, 255], [0, 255], "hello", "string:payload!", "connected"];

// scenarios are tests by their names.
export const scenarios = {
  async "the script finds its endpoint"(page, server) {
    await page.goto(`${server.url}/script`);
    assert.deepEqual(await page.run(talk), answersOfTalk);
    assert.deepEqual(await page.run(talk, "/ws"), answersOfTalk);
    assert.deepEqual(await page.run(talk, `${server.url}/ws`), answersOfTalk);
  },

  async "the module finds its endpoint"(page, server) {
    await page.goto(`${server.url}/module`);
    assert.deepEqual(await page.run(talk), answersOfTalk);
    assert.deepEqual(await page.run(talk, "?a=b"), answersOfTalk);
  },

  async "the module behind a proxy with a prefix"(page, server) {
    await page.goto(`${server.url}/script`);
    const address = await call(page, async () => {
      const { connect } = await import("/behind/a/proxy/iris-ws.mjs");
      const opened = [];
      const ws = connect(undefined, {
        WebSocket: class extends WebSocket {
          constructor(...given) {
            super(...given);
            opened.push(given[0]);
          }
        },
      });
      await ws.ask("add", [1, 2]);
      ws.disconnect();
      return opened[0];
    });
    assert.equal(address, `ws://${server.host}/behind/a/proxy/ws`);
  },

  async "a strict Content-Security-Policy"(page, server) {
    await page.goto(`${server.url}/strict`);
    assert.deepEqual(await page.run(talk), answersOfTalk);
    assert.equal(await call(page, async () => {
      const ws = Ws.connect();
      const sum = await ws.ask("add", [2, 2]);
      ws.disconnect();
      return sum;
    }), 4);
  },

  async "a script of another origin, with its integrity"(page, server) {
    const other = server.url.replace("127.0.0.1", "localhost");
    await page.goto(`${server.url}/integrity?origin=${other}`);
    assert.equal(await call(page, () => typeof Ws.connect), "function");
  },

  async "workers, of the script and of the module"(page, server) {
    await page.goto(`${server.url}/script`);
    for (const [file, type] of [["/worker.js", "classic"], ["/worker.mjs", "module"]]) {
      assert.equal(await call(page, (file, type) => new Promise((resolve, reject) => {
        const worker = new Worker(file, { type });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage([1, 2]);
      }), file, type), 3);
    }
  },

  async "a service worker"(page, server) {
    await page.goto(`${server.url}/script`);
    assert.equal(await call(page, async () => {
      const registration = await navigator.serviceWorker.register("/service-worker.js");
      const worker = registration.installing ?? registration.waiting ?? registration.active;
      const sum = await new Promise((resolve) => {
        navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
        navigator.serviceWorker.startMessages();
        worker.postMessage([1, 2]);
      });
      await registration.unregister();
      return sum;
    }), 3);
  },

  async "a page without an address of its own"(page, server) {
    await page.goto(`${server.url}/script`);
    const messages = await call(page, async () => {
      const frame = document.createElement("iframe");
      frame.sandbox = "allow-scripts";
      const source = await (await fetch("/iris-ws.js?source")).text();
      const told = new Promise((resolve) => { onmessage = ({ data }) => resolve(data); });
      frame.srcdoc = `<script>${source.replaceAll("</script>", "")}</script><script>
        const messages = [];
        for (const address of [undefined, "/ws", "?a"]) {
          try { Ws.connect(address); messages.push("connected"); } catch (error) { messages.push(error.message); }
        }
        parent.postMessage(messages, "*");</script>`;
      document.body.append(frame);
      return told;
    });
    messages.forEach((message) => assert.match(message, /^Ws: .*pass a whole address/));
    assert.equal(messages.length, 3);
  },
};

// connectedPage opens a page and connects it through a proxy. told says what its client tells.
export async function connectedPage(t, openPage, server) {
  const proxy = await startTCPProxy(new URL(server.url).port);
  t.after(proxy.stop);
  const page = await openPage();
  await page.goto(`${server.url}/script`);
  await page.run(connectThrough, proxy.address);
  return { page, proxy };
}

const connectThrough = async (address) => {
  const { Ws } = globalThis;
  const ws = globalThis.ws = Ws.connect(address);
  globalThis.told = [];
  for (const name of ["Connected", "Suspended", "Resumed"]) {
    ws[`on${name}`](() => globalThis.told.push(name));
  }
  await ws.ask("nothing");
  globalThis.id = ws.id;
};

// soon lets the client of a page come back sooner.
const soon = () => {
  const { random } = Math;
  Math.random = () => random() / 100;
};

const resumed = ["Connected", "Suspended", "Connected", "Resumed"];

// goneFrom waits until the server has no connection of an ID any more. It would have it for
// two minutes if the page had not said goodbye.
const goneFrom = async (page, server, id) => {
  await page.goto(`${server.url}/module`);
  await page.run(async (id) => {
    const ws = globalThis.connect();
    while (await ws.ask("exists", id)) {
      await ws.ask("nothing");
    }
    ws.disconnect();
  }, id);
};

// lives are tests of the life of a page, by their names. Each gets its test, a function that
// opens pages, and the server.
export const lives = {
  async "a dropped connection resumes its session"(t, openPage, server) {
    const { page, proxy } = await connectedPage(t, openPage, server);
    proxy.drop();
    assert.deepEqual(await page.run("async () => [await ws.ask('add', [1, 2]), ws.id === id, told]"), [3, true, resumed]);
  },

  async "a page that is closed ends its session at once"(t, openPage, server) {
    const page = await openPage();
    await page.goto(`${server.url}/script`);
    const id = await page.run("() => (globalThis.ws = Ws.connect()).ask('who am I')");
    await page.close();
    await goneFrom(await openPage(), server, id);
  },

  async "a frame that is removed ends its session at once"(t, openPage, server) {
    const page = await openPage();
    await page.goto(`${server.url}/script`);
    const id = await page.run(async () => {
      const frame = document.createElement("iframe");
      frame.src = "/script";
      const loaded = new Promise((resolve) => { frame.onload = resolve; });
      document.body.append(frame);
      await loaded;
      const id = await (globalThis.ws = frame.contentWindow.Ws.connect()).ask("who am I");
      frame.remove();
      return id;
    });
    await goneFrom(page, server, id);
  },

  async "back and forward"(t, openPage, server) {
    const { page } = await connectedPage(t, openPage, server);
    await page.run(() => {
      addEventListener("pageshow", ({ persisted }) => { globalThis.persisted = persisted; });
    });
    await page.goto(`${server.url}/module`);
    await page.run("() => connect().ask('nothing')");
    await page.back();
    // From the cache the page is as it was, but for its connection. Else it is a new one.
    const [sum, persisted, isSame, told] = await page.run(async () => {
      const { persisted = false, id } = globalThis;
      const ws = globalThis.ws ??= globalThis.Ws.connect();
      return [await ws.ask("add", [1, 2]), persisted, ws.id === id, globalThis.told];
    });
    assert.deepEqual([sum, isSame], [3, persisted]);
    assert.equal(persisted, page.hasCache);
    if (persisted) {
      assert.deepEqual(told, resumed);
    }
    await page.forward();
    assert.equal(await page.run("() => (globalThis.ws ??= connect()).ask('add', [2, 2])"), 4);
  },

  async "a duplicated tab has a session of its own"(t, openPage, server) {
    const { page } = await connectedPage(t, openPage, server);
    assert.deepEqual(await page.run(async () => {
      sessionStorage.here = "as in the other one"; // a duplicate has a copy of it
      const other = open(location.href);
      await new Promise((resolve) => { other.onload = resolve; });
      const theirs = other.Ws.connect();
      await theirs.ask("nothing");
      const { ws, id } = globalThis;
      const result = [other.sessionStorage.here, await ws.ask("add", [1, 2]), ws.id === id, ws.id === theirs.id];
      other.close();
      return result;
    }), ["as in the other one", 3, true, false]);
  },

  async "a restart of the server"(t, openPage) {
    const [before, after] = await Promise.all([startModernServer(), startModernServer()]);
    t.after(after.stop);
    const { page, proxy } = await connectedPage(t, openPage, before);
    await page.run(soon);
    proxy.refuse = true;
    await before.stop();
    await page.run(async () => {
      const { ws } = globalThis;
      if (ws.state !== "reconnecting") {
        await new Promise((resolve) => ws.onReconnecting(resolve));
      }
      ws.emit("up", 1);
      ws.emit("up", 2);
    });
    proxy.target = new URL(after.url).port;
    proxy.refuse = false;
    assert.deepEqual(await page.run(async () => {
      const { ws, id, told } = globalThis;
      if (ws.state !== "connected") { // an ask from before would end with the session
        await new Promise((resolve) => ws.onConnected(resolve));
      }
      return [await ws.ask("report"), ws.id === id, told];
    }), [[2, 0, 0], false, ["Connected", "Suspended", "Connected"]]);
  },

  async "a token that expires in mid-session"(t, openPage) {
    const server = await startModernServer("-tokens");
    t.after(server.stop);
    const page = await openPage();
    await page.goto(`${server.url}/script`);
    assert.deepEqual(await page.run(async () => {
      let calls = 0;
      let connections = 0;
      const ws = globalThis.Ws.connect("/ws", { token: async () => ++calls === 1 ? "ann 4000" : "ann" });
      ws.onConnected(() => connections++);
      while (calls < 2) { // the server looks every few seconds
        await ws.ask("nothing");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const result = [await ws.ask("user"), connections, ws.state];
      ws.disconnect();
      return result;
    }), ["ann", 1, "connected"]);
  },
};

// drops has a page with the script whose connections drop, as drops.test.mjs has it in Node.
// proxy.cut decides when; enough says that it is time to stop.
export async function drops(page, proxy, enough) {
  await page.run(soon);
  await page.run(`(address) => {
    globalThis.ws = Ws.connect(address);
    globalThis.traffic = (${makeTraffic})(ws);
    globalThis.result = traffic.run();
  }`, proxy.address);
  await enough;
  return page.run("async () => { traffic.stop(); const all = await result; ws.disconnect(); return all; }");
}
