// What happens to networks and servers, and the kinds of WebSocket in Node.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { freePort, startModernServer } from "./helpers/go.mjs";
import { begin, inboxOf } from "./helpers/modern.mjs";
import { startTCPProxy } from "./helpers/tcp-proxy.mjs";

const random = Math.random;
before(() => {
  Math.random = () => random() / 20; // clients come back sooner
});
after(() => {
  Math.random = random;
});

async function startServer(t, ...flags) {
  const server = await startModernServer(...flags);
  t.after(() => server.stop());
  return server;
}

test("an orderly restart: messages that were not taken go on in the new session", async (t) => {
  const flag = `-address=127.0.0.1:${await freePort()}`;
  let server = await startModernServer(flag);
  const { ws, told } = begin(t, server.address);
  await ws.ask("nothing");
  await server.stop();
  assert.ok((await told.drain.take()).within >= 0);
  const { code, willReconnect } = await told.disconnected.take();
  assert.deepEqual([code, willReconnect], [4200, true]);
  ws.emit("up", 1);
  ws.emit("up", 2);
  server = await startServer(t, flag);
  await told.connected.take();
  assert.deepEqual(await told.connected.take(), { resumed: false, why: "unknown" });
  assert.deepEqual(await ws.ask("report"), [2, 0, 0]);
  assert.deepEqual(told.lost.drain(), []);
  ws.disconnect();
});

test("a crash: what was sent without a count is told", async (t) => {
  const flag = `-address=127.0.0.1:${await freePort()}`;
  let server = await startModernServer(flag);
  const { ws, told } = begin(t, server.address);
  const seen = inboxOf(ws, "seen");
  ws.emit("string", "a");
  await seen.take();
  await server.kill();
  await told.disconnected.take();
  const asked = ws.ask("add", [1, 2]);
  ws.emit("string", "b");
  server = await startServer(t, flag);
  assert.deepEqual(await told.lost.take(), [{ event: "string", data: "a", taken: undefined }]);
  await assert.rejects(asked, { code: "session_lost", data: { taken: false } });
  assert.equal(await seen.take(), "string:b");
  ws.disconnect();
});

test("a token is asked for before it expires, and the session goes on", async (t) => {
  const server = await startServer(t, "-tokens");
  let calls = 0;
  const { ws, told } = begin(t, server.address, { token: () => ++calls === 1 ? "ann 4000" : "ann" });
  const { id } = (await told.connected.take(), ws);
  await ws.ask("user");
  while (calls < 2) { // the server looks every few seconds
    await ws.ask("nothing");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(await ws.ask("user"), "ann");
  assert.deepEqual([ws.id, ws.state], [id, "connected"]);
});

test("without a valid token: unauthorized, until there is another one", async (t) => {
  const server = await startServer(t, "-tokens");
  let token;
  const { ws, told } = begin(t, server.address, { token: () => token });
  ws.emit("up", 1);
  assert.equal((await told.disconnected.take()).code, 4001);
  assert.equal(ws.state, "unauthorized");
  token = "bob";
  ws.connect();
  assert.equal(await ws.ask("user"), "bob");
  assert.deepEqual(await ws.ask("report"), [1, 0, 0]);
});

test("another user: a new session, and no message goes out as another", async (t) => {
  const server = await startServer(t, "-tokens");
  const proxy = await startTCPProxy(new URL(server.url).port);
  t.after(proxy.stop);
  let token = "ann";
  const { ws, told } = begin(t, proxy.address, { token: () => token });
  await told.connected.take();
  token = "bob";
  proxy.refuse = true;
  proxy.drop();
  await told.suspended.take();
  ws.emit("up", 1);
  proxy.refuse = false;
  assert.deepEqual(await told.connected.take(), { resumed: false, why: "user" });
  assert.deepEqual(await told.lost.take(), [{ event: "up", data: 1, taken: false }]);
  assert.equal(await ws.ask("user"), "bob");
  assert.deepEqual(await ws.ask("report"), [0, 0, 0]);
});

test("a window that is over: the server tells what it has taken", async (t) => {
  const server = await startServer(t, "-window=1ms");
  const proxy = await startTCPProxy(new URL(server.url).port);
  t.after(proxy.stop);
  const { ws, told } = begin(t, proxy.address);
  const seen = inboxOf(ws, "seen");
  ws.emit("string", "taken");
  await seen.take();
  proxy.refuse = true;
  proxy.drop();
  await told.suspended.take();
  ws.emit("string", "not taken");
  const { ws: witness } = begin(t, server.address);
  while (await witness.ask("expired") < 1) { // the server looks every few seconds
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  proxy.refuse = false;
  await told.connected.take();
  assert.deepEqual(await told.connected.take(), { resumed: false, why: "expired" });
  assert.equal(await seen.take(), "string:not taken");
  assert.deepEqual(told.lost.drain(), []);
});

test("a network that swallows everything is noticed, and the session goes on", async (t) => {
  const server = await startServer(t, "-ping=1s");
  const proxy = await startTCPProxy(new URL(server.url).port);
  t.after(proxy.stop);
  const { ws, told } = begin(t, proxy.address);
  await ws.ask("nothing");
  const { id } = ws;
  proxy.swallow = true;
  ws.emit("up", 1);
  const asked = ws.ask("add", [1, 2]);
  const { code } = await told.disconnected.take();
  assert.equal(code, 1006);
  proxy.swallow = false;
  await told.resumed.take();
  assert.equal(await asked, 3);
  assert.equal(ws.id, id);
  assert.deepEqual(await ws.ask("report"), [1, 0, 0]);
});

test("a server that is fine stays connected", async (t) => {
  const server = await startServer(t, "-ping=1s");
  const { ws, told } = begin(t, server.address);
  await told.connected.take();
  await new Promise((resolve) => setTimeout(resolve, 3500)); // three pings, each of which the watchdog waits for
  assert.equal(ws.state, "connected");
  assert.deepEqual(told.disconnected.drain(), []);
});

test("a proxy that drops what is ending keeps no process", async () => {
  const program = fileURLToPath(new URL("helpers/reset-ending.mjs", import.meta.url));
  await promisify(execFile)(process.execPath, [program], { timeout: 10_000, killSignal: "SIGKILL" });
});

for (const flags of [["--experimental-websocket"], ["--no-experimental-websocket"]]) {
  test(`node ${flags}`, async (t) => {
    const server = await startServer(t);
    const program = fileURLToPath(new URL("helpers/native-websocket.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, server.address], { timeout: 15_000 });
    assert.deepEqual(JSON.parse(stdout), { own: flags[0] === "--experimental-websocket", answers: [3, { a: [1] }, [0, 255], [1, 255]] });
  });
}
