// Who is in a room: presence in Node, against real servers.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startModernServer } from "./helpers/go.mjs";
import { begin, connect, connectOfScript, inboxOf } from "./helpers/modern.mjs";
import { startTCPProxy } from "./helpers/tcp-proxy.mjs";
import { Inbox, within } from "./helpers/wait.mjs";

const random = Math.random;
let server;
let other; // knows no session of the first one
before(async () => {
  Math.random = () => random() / 20; // clients come back sooner
  [server, other] = await Promise.all([startModernServer("-tokens", "-presence"), startModernServer("-tokens", "-presence")]);
});
after(async () => {
  Math.random = random;
  await Promise.all([server?.stop(), other?.stop()]);
});

let made = 0;
const newRoom = () => `room ${++made}`;

const enter = (t, user, { address } = server, options) => begin(t, address, { token: user, ...options });

// joined returns a client of a user who has joined rooms.
async function joined(t, user, rooms, at) {
  const { ws } = enter(t, user, at);
  for (const room of [rooms].flat()) {
    await ws.ask("join", room);
  }
  return ws;
}

// watch calls presence. It keeps what the listener gets: the users, and the change in short.
async function watch(ws, room) {
  const told = new Inbox(`the presence of ${room}`);
  const stop = await within(ws.presence(room, (people, change) => told.put(brief(people, change))), `the answer for ${room}`);
  return { told, stop };
}

const brief = (people, change) => [people.map(({ user, key }) => user || key).sort().join(), ...change ? [(change.joined ? "+" : "-") + (change.user || change.key)] : []];

// isSilent checks that nothing more is told of a room. The server tells all changes in their
// order, so those of another room come last.
async function isSilent(ws, someone, told) {
  const last = newRoom();
  const fence = await watch(ws, last);
  await someone.ask("join", last);
  await fence.told.take();
  await fence.told.take();
  fence.stop();
  assert.deepEqual(told.drain(), []);
}

// end stops, and waits until the server has handled it.
async function end(ws, stop) {
  stop();
  await ws.ask("nothing");
}

// throughProxy connects a user through a proxy.
async function throughProxy(t, user, options) {
  const proxy = await startTCPProxy(new URL(server.url).port);
  t.after(proxy.stop);
  const client = enter(t, user, proxy, options);
  await client.told.connected.take();
  return { proxy, ...client };
}

// cut ends the connection and lets the client come back when it is asked to.
async function cut({ proxy, told }, target = server) {
  proxy.refuse = true;
  proxy.target = new URL(target.url).port;
  proxy.drop();
  await told.suspended.take();
  return async () => {
    proxy.refuse = false;
    return told.connected.take();
  };
}

for (const [artefact, how] of [["module", connect], ["script", connectOfScript]]) {
  test(`the list at first, and then each change, by the ${artefact}`, async (t) => {
    const room = newRoom();
    const ann = await joined(t, "ann", room);
    const { ws } = begin(t, server.address, { token: "eve" }, how);
    const calls = new Inbox("a call");
    const stop = await ws.presence(room, (...values) => calls.put(values));
    const [[list, none]] = calls.drain(); // before the promise
    assert.deepEqual([list, none], [[{ key: "uann", user: "ann" }], undefined]);

    const bob = enter(t, "bob").ws;
    bob.emit("look", "a hat");
    await bob.ask("join", room);
    const change = { room, joined: true, key: "ubob", user: "bob", data: "a hat" };
    const [both, came] = await calls.take();
    assert.deepEqual(came, change);
    assert.deepEqual(both.map(({ user, data }) => [user, data]), [["ann", undefined], ["bob", "a hat"]]);

    await ann.ask("leave", room);
    const [one, went] = await calls.take();
    assert.deepEqual([went.joined, went.user, one.map(({ user }) => user)], [false, "ann", ["bob"]]);
    assert.deepEqual([list.length, both.length], [1, 2]); // each call has a list of its own

    bob.disconnect();
    assert.deepEqual((await calls.take())[0], []);
    await end(ws, stop);
    await ann.ask("join", room);
    await isSilent(ws, ann, calls);
  });
}

test("a user with several connections is there once", async (t) => {
  const room = newRoom();
  const { told } = await watch(enter(t, "eve").ws, room);
  assert.deepEqual(await told.take(), [""]);
  const first = await joined(t, "ann", room);
  assert.deepEqual(await told.take(), ["ann", "+ann"]);
  const second = await joined(t, "ann", room);
  const bob = await joined(t, "bob", room);
  assert.deepEqual(await told.take(), ["ann,bob", "+bob"]);
  await second.ask("leave", room);
  await bob.ask("leave", room);
  assert.deepEqual(await told.take(), ["ann", "-bob"]);
  await first.ask("leave", room);
  assert.deepEqual(await told.take(), ["", "-ann"]);
});

describe("refusals", () => {
  test("of WatchPresence", async (t) => {
    const room = newRoom(), calls = [];
    const { ws } = enter(t, "eve");
    await ws.ask("deny", room);
    await assert.rejects(ws.presence(room, (...values) => calls.push(values)), { code: "forbidden" });
    const ann = await joined(t, "ann", room);
    await ws.ask("tell", [{ room, joined: true, key: "x" }]); // nobody listens
    await ann.ask("deny", "");
    ws.disconnect();
    ws.connect(); // the new session doesn't ask
    await isSilent(ws, ann, { drain: () => calls });
  });

  test("of a server without it", async (t) => {
    const without = await startModernServer();
    t.after(without.stop);
    const { ws } = begin(t, without.address);
    await assert.rejects(ws.presence("lobby", () => {}), { code: "no_handler" });
  });

  test("above 100 rooms", async (t) => {
    const { ws } = enter(t, "eve");
    await Promise.all(Array.from({ length: 100 }, () => ws.presence(newRoom(), () => {})));
    await assert.rejects(ws.presence(newRoom(), () => {}), { code: "too_many" });
  });

  test("of mistakes", async (t) => {
    const { ws, told } = enter(t, "eve");
    for (const listener of [undefined, null, "text", {}]) {
      await assert.rejects(ws.presence("lobby", listener), { name: "TypeError", message: /must be a function/ });
    }
    await told.connected.take();
    await assert.rejects(ws.presence(5, () => {}), { code: "invalid_payload" });
  });
});

test("an error of the listener is reported, and the rest goes on", async (t) => {
  const room = newRoom();
  const { ws, told } = enter(t, "eve");
  await ws.presence(room, (people) => {
    throw new Error(`${people.length} people`);
  });
  assert.match(String(await told.error.take()), /0 people/);
  const { told: well } = await watch(ws, room);
  assert.deepEqual(await well.take(), [""]);
  await joined(t, "ann", room);
  assert.match(String(await told.error.take()), /1 people/);
  assert.deepEqual(await well.take(), ["ann", "+ann"]);
});

describe("the order of answers and changes", () => {
  test("a change before the answer counts", async (t) => {
    const room = newRoom();
    const ann = await joined(t, "ann", room), { ws } = enter(t, "eve");
    ws.emit("tell early", [{ room, joined: false, key: "uann" }, { room, joined: true, key: "x" }, { room: "another", joined: true, key: "y" }]);
    const { told } = await watch(ws, room);
    assert.deepEqual(told.drain(), [["x"]]);
    await ann.ask("leave", room); // it is gone already
    await isSilent(ws, ann, told);
  });

  test("an older change comes twice: nobody stays behind", async (t) => {
    const room = newRoom();
    await joined(t, "ann", room);
    const { ws } = enter(t, "eve");
    const { told } = await watch(ws, room);
    assert.deepEqual(await told.take(), ["ann"]);
    const person = { room, key: "uann" };
    await ws.ask("tell", [{ room, joined: false, key: "gone" }, { ...person, joined: true }, { ...person, joined: false }]);
    assert.deepEqual(told.drain(), [["uann", "+uann"], ["", "-uann"]]); // once, and nothing of "gone"
  });
});

describe("the network", () => {
  test("a client that isn't connected yet asks once", async (t) => {
    const room = newRoom();
    const { ws } = enter(t, "eve");
    assert.equal(ws.state, "connecting");
    const { told, stop } = await watch(ws, room);
    assert.deepEqual(told.drain(), [[""]]);
    const heard = inboxOf(ws, "iris:presence");
    await end(ws, stop);
    const ann = await joined(t, "ann", room);
    await isSilent(ws, ann, told);
    assert.deepEqual(heard.drain().filter((change) => change.room === room), []); // the server counts no more questions
  });

  test("in a session that goes on, the changes come later", async (t) => {
    const room = newRoom();
    const client = await throughProxy(t, "eve");
    const { told } = await watch(client.ws, room);
    await told.take();
    const back = await cut(client);
    await joined(t, "ann", room);
    assert.equal((await back()).resumed, true);
    assert.deepEqual(await told.take(), ["ann", "+ann"]); // and no list
  });

  test("a question survives a connection", async (t) => {
    const room = newRoom();
    const ann = await joined(t, "ann", room);
    await ann.ask("hold", room);
    const client = await throughProxy(t, "eve", { timeout: 1 }); // of other asks
    const held = inboxOf(client.ws, "held");
    const watching = watch(client.ws, room);
    await held.take();
    const back = await cut(client);
    await ann.ask("let go", room);
    await back();
    const { told } = await watching;
    assert.deepEqual(told.drain(), [["ann"]]);
  });

  test("a new session asks again", async (t) => {
    const room = newRoom();
    await joined(t, "ann", room);
    const bob = await joined(t, "bob", room, other);
    const client = await throughProxy(t, "eve");
    const { told, stop } = await watch(client.ws, room);
    assert.deepEqual(await told.take(), ["ann"]);
    const back = await cut(client, other);
    assert.equal((await back()).resumed, false);
    assert.deepEqual(await told.take(), ["bob"]);
    await bob.ask("leave", room);
    assert.deepEqual(await told.take(), ["", "-bob"]);
    const heard = inboxOf(client.ws, "iris:presence");
    await end(client.ws, stop);
    await bob.ask("join", room);
    await isSilent(client.ws, bob, told);
    assert.deepEqual(heard.drain().filter((change) => change.room === room), []);
  });

  test("a question of a session that is lost is asked again, once", async (t) => {
    const room = newRoom();
    const ann = await joined(t, "ann", room);
    const bob = await joined(t, "bob", room, other);
    await ann.ask("hold", room);
    const client = await throughProxy(t, "eve");
    const held = inboxOf(client.ws, "held");
    const watching = watch(client.ws, room);
    await held.take();
    const back = await cut(client, other);
    await back();
    const { told, stop } = await watching;
    assert.deepEqual(told.drain(), [["bob"]]);
    await ann.ask("let go", room);
    const heard = inboxOf(client.ws, "iris:presence");
    await end(client.ws, stop);
    await bob.ask("leave", room);
    await isSilent(client.ws, bob, told);
    assert.deepEqual(heard.drain().filter((change) => change.room === room), []);
  });

  test("a new session asks even if the queue is full", async (t) => {
    const room = newRoom();
    await joined(t, "bob", room, other);
    const client = await throughProxy(t, "eve", { maxQueuedBytes: 1000 });
    const { told } = await watch(client.ws, room);
    await told.take();
    client.ws.emit("string", "x".repeat(400)); // so much that the client asks the server for its count
    await client.ws.ask("nothing");
    const back = await cut(client, other);
    while (client.ws.emit("string", "")); // until there is no space
    assert.equal((await client.told.error.take()).code, "queue_full");
    await back();
    assert.deepEqual(await told.take(), ["bob"]);
    assert.deepEqual(client.told.error.drain(), []);
  });

  test("a new session may be refused: then nobody is there", async (t) => {
    const room = newRoom();
    await joined(t, "ann", room);
    const bob = await joined(t, "bob", room, other);
    await bob.ask("deny", room);
    const client = await throughProxy(t, "eve");
    const { told, stop } = await watch(client.ws, room);
    assert.deepEqual(await told.take(), ["ann"]);
    const back = await cut(client, other);
    await back();
    assert.deepEqual(await told.take(), [""]);
    assert.equal((await client.told.error.take()).code, "forbidden");
    await client.ws.ask("tell", [{ room, joined: true, key: "x" }]);
    await bob.ask("deny", "");
    client.ws.disconnect();
    client.ws.connect(); // the new session doesn't ask
    stop();
    await isSilent(client.ws, bob, told);
  });
});

describe("stopping", () => {
  test("one of two watchers of a room", async (t) => {
    const room = newRoom();
    const { ws } = enter(t, "eve");
    const heard = inboxOf(ws, "iris:presence");
    const first = await watch(ws, room), second = await watch(ws, room);
    assert.deepEqual([first.told.drain(), second.told.drain()], [[[""]], [[""]]]);
    first.stop();
    first.stop(); // does nothing more
    const ann = await joined(t, "ann", room);
    assert.deepEqual(await second.told.take(), ["ann", "+ann"]);
    assert.deepEqual(first.told.drain(), []);
    await end(ws, second.stop);
    heard.drain();
    await ann.ask("leave", room);
    await isSilent(ws, ann, second.told);
    assert.deepEqual(heard.drain().filter((change) => change.room === room), []);
  });

  test("while the network is away, before a new session", async (t) => {
    const room = newRoom();
    const client = await throughProxy(t, "eve");
    const first = await watch(client.ws, room), second = await watch(client.ws, room);
    await second.told.take();
    const third = await watch(client.ws, room);
    await end(client.ws, third.stop); // sent, but no count of the server covers it
    const back = await cut(client, other);
    first.stop(); // belongs to the old session: the second one watches in the new one
    await back();
    assert.deepEqual(await second.told.take(), [""]);
    await joined(t, "ann", room, other);
    assert.deepEqual(await second.told.take(), ["ann", "+ann"]);
    assert.deepEqual([client.told.lost.drain(), client.told.error.drain()], [[], []]);
  });

  test("in the listener", async (t) => {
    const room = newRoom(), calls = new Inbox("a call");
    const { ws } = enter(t, "eve");
    const stop = await ws.presence(room, (people, change) => {
      calls.put(brief(people, change));
      change && stop();
    });
    const ann = await joined(t, "ann", room);
    assert.deepEqual([await calls.take(), await calls.take()], [[""], ["ann", "+ann"]]);
    await ann.ask("leave", room);
    await isSilent(ws, ann, calls);
  });

  test("after disconnect", async (t) => {
    const room = newRoom();
    const { ws, told } = enter(t, "eve");
    const first = await watch(ws, room), second = await watch(ws, room);
    await second.told.take();
    ws.disconnect();
    first.stop();
    const waiting = watch(ws, room);
    const ann = await joined(t, "ann", room);
    ws.connect(); // whoever didn't stop goes on
    assert.deepEqual(await second.told.take(), ["ann"]);
    assert.deepEqual(await (await waiting).told.take(), ["ann"]);
    await ann.ask("leave", room);
    assert.deepEqual(await second.told.take(), ["", "-ann"]);
    assert.deepEqual([first.told.drain(), told.error.drain(), told.lost.drain()], [[[""]], [], []]);
  });

  test("disconnect before the answer: the next session asks", async (t) => {
    const room = newRoom();
    const ann = await joined(t, "ann", room);
    await ann.ask("hold", room);
    const { ws, told } = enter(t, "eve");
    const held = inboxOf(ws, "held");
    const watching = watch(ws, room);
    await held.take();
    ws.disconnect();
    await ann.ask("let go", room);
    ws.connect();
    assert.deepEqual((await watching).told.drain(), [["ann"]]);
    assert.deepEqual(told.error.drain(), []);
  });
});
