// What pages and programs do at the edges of the client.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import vm from "node:vm";

import { disconnected, opened, Ws } from "./helpers/client.mjs";
import { startTestServer } from "./helpers/go.mjs";
import { within } from "./helpers/wait.mjs";

const prefix = "iris-websocket-message:";
let server;

before(async () => {
  server = await startTestServer();
});

after(() => server?.stop());

// unusedPort returns a port on which nobody listens.
function unusedPort() {
  return new Promise((resolve) => {
    const listener = createServer().listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

test("a connection that can't be made ends in OnDisconnect", async () => {
  const ws = new Ws(`ws://127.0.0.1:${await unusedPort()}/echo`);
  await disconnected(ws);
});

test("a connection that is given up before it stands ends in OnDisconnect", async () => {
  const ws = new Ws(`ws://${server.host}/echo`);
  const ended = disconnected(ws);
  ws.Disconnect();
  await ended;
});

test("OnConnect within OnConnect", async () => {
  const ws = new Ws(`ws://${server.host}/echo`);
  let calls = 0;
  await within(new Promise((resolve) => ws.OnConnect(() => ws.OnConnect(() => {
    calls++;
    resolve();
  }))), "the inner listener");
  assert.equal(calls, 1);
  ws.Disconnect();
});

test("an ArrayBuffer of another frame is one all the same", () => {
  const foreign = vm.runInNewContext("new Uint8Array([97, 98]).buffer");
  const view = vm.runInNewContext("new Uint8Array([97, 98])");
  for (const data of [foreign, view]) {
    assert.equal(new TextDecoder().decode(Ws.prototype.encodeMessage("e", data)), `${prefix}e;3;ab`);
  }
});

test("events may have the names of what every object has", async () => {
  const ws = new Ws(`ws://${server.host}/echo`);
  await opened(ws);
  for (const event of ["__proto__", "constructor", "toString"]) {
    const seen = [];
    ws.messageReceivedFromConn({ data: `${prefix}${event};0;nobody listens` });
    ws.On(event, (message) => seen.push(message));
    ws.messageReceivedFromConn({ data: `${prefix}${event};0;x` });
    assert.deepEqual(seen, ["x"], event);
  }
  ws.Disconnect();
});

test("an event without a name is native, as text and in bytes", async () => {
  const ws = new Ws(`ws://${server.host}/echo`);
  await opened(ws);
  let natives = 0;
  ws.OnMessage(() => natives++);
  ws.On("", () => assert.fail("it was taken for an event"));
  ws.messageReceivedFromConn({ data: `${prefix};3;x` });
  ws.messageReceivedFromConn({ data: new TextEncoder().encode(`${prefix};3;x`).buffer });
  assert.equal(natives, 2);
  ws.Disconnect();
});

test("what is no function is refused as a listener", async () => {
  const ws = new Ws(`ws://${server.host}/echo`);
  await opened(ws);
  for (const register of ["OnConnect", "OnDisconnect", "OnMessage"]) {
    assert.throws(() => ws[register](undefined), /must be a function/, register);
  }
  assert.throws(() => ws.On("chat", null), /must be a function/);
  ws.messageReceivedFromConn({ data: `${prefix}chat;0;x` }); // and leaves nothing behind
  ws.Disconnect();
});

test("Ws wants new", () => {
  assert.throws(() => Ws("/echo"), /with new/);
});
