// What connect does in Node, against a real server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { freePort, startModernServer } from "./helpers/go.mjs";
import { begin, connect, connectOfScript, inboxOf, track } from "./helpers/modern.mjs";
import { startTCPProxy } from "./helpers/tcp-proxy.mjs";
import { within } from "./helpers/wait.mjs";

let server;
before(async () => {
  server = await startModernServer("-max=65536");
});
after(() => server?.stop());

const bytes = Uint8Array.of(0, 59, 127, 128, 255);

for (const [artefact, how] of [["module", connect], ["script", connectOfScript]]) {
  describe(`values, by the ${artefact}`, () => {
    const whole = Uint8Array.of(9, 9, ...bytes, 9);
    const cases = {
      "a string": ["42", "string:42", "42"],
      "text": ["γειά; σου 👋", "string:γειά; σου 👋", "γειά; σου 👋"],
      "an integer": [-7, "int:-7", -7],
      "a fraction": [1.5, "float64:1.5", 1.5],
      "a large integer": [9007199254740993n, "int:9007199254740993", 9007199254740993n],
      "a small BigInt": [5n, "int:5", 5],
      "a boolean": [false, "bool:false", false],
      "null": [null, "<nil>:<nil>", null],
      "nothing": [undefined, "string:", ""],
      "JSON": [{ a: [1, "2"] }, "map[string]interface {}:map[a:[1 2]]", { a: [1, "2"] }],
      "an ArrayBuffer": [bytes.buffer, "[]uint8:[0 59 127 128 255]", bytes],
      "a part of a Uint8Array": [whole.subarray(2, 7), "[]uint8:[0 59 127 128 255]", bytes],
      "a part as a DataView": [new DataView(whole.buffer, 2, 5), "[]uint8:[0 59 127 128 255]", bytes],
      "a Uint16Array": [new Uint16Array([258]), "[]uint8:[2 1]", Uint8Array.of(2, 1)],
      "a Blob": [new Blob([bytes]), "[]uint8:[0 59 127 128 255]", bytes],
      "an empty Blob": [new Blob([]), "[]uint8:[]", new Uint8Array()],
    };
    for (const [name, [value, seen, answer]] of Object.entries(cases)) {
      test(name, async (t) => {
        const { ws } = begin(t, server.address, {}, how);
        const inbox = inboxOf(ws, "seen");
        assert.deepEqual(await ws.ask("echo", value), answer);
        assert.equal(await inbox.take(), seen);
      });
    }

    test("what the server sends", async (t) => {
      const { ws } = begin(t, server.address, {}, how);
      const sent = inboxOf(ws, "sent");
      const expected = { string: "42", int: 42, bool: true, bytes: Uint8Array.of(0, 59, 255), float: 1.5, large: 9007199254740993n, null: null, object: { a: [1] } };
      for (const [kind, value] of Object.entries(expected)) {
        ws.emit("send", kind);
        assert.deepEqual(await sent.take(), value, kind);
      }
    });

    test("native messages", async (t) => {
      const { ws, told } = begin(t, server.address, {}, how);
      for (const [sent, answer] of [["hi; there", "hi; there"], ["", ""], [bytes, bytes], [bytes.buffer, bytes], [new Blob([bytes]), bytes], [42, "42"], [{ a: 1 }, '{"a":1}']]) {
        assert.equal(ws.send(sent), true);
        assert.deepEqual(await told.message.take(), answer);
      }
      assert.throws(() => ws.send(new Map()), /a message: .*can't be sent/);
    });
  });
}

test("what can't be sent throws, or rejects", async (t) => {
  const { ws } = begin(t, server.address);
  for (const event of ["", "a;b"]) {
    assert.throws(() => ws.emit(event, 1), /name/);
    assert.throws(() => ws.on(event, () => {}), /name/);
    await assert.rejects(ws.ask(event, 1), /name/);
  }
  for (const value of [new Map(), { m: new Map() }, () => {}, Symbol("s"), { b: 1n }]) {
    assert.throws(() => ws.emit("echo", value), /^TypeError: Ws: event "echo": .*can't be sent/);
    await assert.rejects(ws.ask("echo", value), TypeError);
  }
  assert.throws(() => ws.on("a", 1), /must be a function/);
  assert.equal(await ws.ask("add", [1, 2]), 3);
});

test("messages keep their order while a Blob is read", async (t) => {
  const { ws } = begin(t, server.address);
  const seen = inboxOf(ws, "seen");
  const slow = new Blob([bytes]);
  const arrayBuffer = slow.arrayBuffer.bind(slow);
  let read;
  slow.arrayBuffer = () => new Promise((resolve) => { read = resolve; }).then(arrayBuffer);
  await ws.ask("nothing");
  ws.emit("echo", "first");
  ws.emit("echo", slow);
  ws.emit("echo", "third");
  assert.equal(await seen.take(), "string:first");
  read();
  assert.match(await seen.take(), /^\[\]uint8/);
  assert.equal(await seen.take(), "string:third");
});

test("a Blob that can't be read is reported, and the rest goes on", async (t) => {
  const { ws, told } = begin(t, server.address);
  const broken = new Blob([bytes]);
  broken.arrayBuffer = () => Promise.reject(new Error("the file is gone"));
  ws.emit("echo", broken);
  const asked = ws.ask("echo", broken);
  await assert.rejects(asked, /the file is gone/);
  assert.match(String(await told.error.take()), /the file is gone/);
  assert.equal(await ws.ask("add", [1, 2]), 3);
});

describe("asks", () => {
  test("failures have a code, a message and data", async (t) => {
    const { ws } = begin(t, server.address);
    await assert.rejects(ws.ask("fail", "mine"), (error) => {
      assert.ok(error instanceof Error);
      assert.deepEqual([error.code, error.message, error.data], ["mine", "no", [1]]);
      return true;
    });
    await assert.rejects(ws.ask("fail", ""), { code: "error" });
    await assert.rejects(ws.ask("nobody", 1), { code: "no_handler" });
    await assert.rejects(ws.ask("add", "x"), { code: "invalid_payload" });
    assert.equal(await ws.ask("nothing"), null);
  });

  test("a timeout, of the ask and by default; a late answer is ignored", async (t) => {
    const own = await startModernServer();
    t.after(own.stop);
    const { ws } = begin(t, own.address, { timeout: 20 });
    await ws.ask("add", [1, 2], { timeout: 10_000 });
    await assert.rejects(ws.ask("wait"), { code: "timeout" });
    await assert.rejects(ws.ask("wait", 0, { timeout: 10 }), { code: "timeout" });
    const patient = ws.ask("add", [2, 2], { timeout: Infinity });
    await fetch(`${own.url}/release`);
    assert.equal(await patient, 4);
  });

  test("an AbortSignal", async (t) => {
    const { ws } = begin(t, server.address);
    const reason = new Error("not any more");
    await assert.rejects(ws.ask("add", [1, 2], { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const controller = new AbortController();
    const asked = ws.ask("add", [1, 2], { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(asked, (error) => error === reason);
    const without = new AbortController();
    const alsoAsked = ws.ask("add", [1, 2], { signal: without.signal });
    without.abort(null);
    await assert.rejects(alsoAsked, (error) => error === null);
    assert.equal(await ws.ask("add", [1, 2], { signal: new AbortController().signal }), 3);
  });

  test("who gives up sends a cancel, unless the ask was not sent", async (t) => {
    const sent = [];
    class Recorded extends WebSocket {
      send(message) {
        sent.push(message);
        super.send(message);
      }
    }
    const { ws } = begin(t, server.address, { WebSocket: Recorded });
    const early = new AbortController();
    const unsent = ws.ask("add", [1, 1], { signal: early.signal });
    early.abort();
    await assert.rejects(unsent);
    await ws.ask("nothing");
    const late = new AbortController();
    const asked = ws.ask("add", [2, 2], { signal: late.signal });
    late.abort();
    await assert.rejects(asked);
    await ws.ask("nothing");
    assert.deepEqual(sent.slice(1).filter((message) => !/^;a;/.test(message)), ["nothing;02;", "add;43;[2,2]", ";c3;", "nothing;04;"]);
  });

  test("more than 1,000 at a time are refused", async (t) => {
    const { ws } = begin(t, server.address);
    const asked = Array.from({ length: 1000 }, (_, i) => ws.ask("add", [i, 1]));
    await assert.rejects(ws.ask("add", [1, 2]), { code: "too_many_asks" });
    assert.deepEqual(await Promise.all(asked), asked.map((_, i) => i + 1));
  });

  describe("of the server", () => {
    // answerTo returns what the server was answered.
    async function answerTo(ws, event) {
      const asked = inboxOf(ws, "asked");
      ws.emit("ask me", event);
      return asked.take();
    }
    const fails = (error) => () => {
      throw error;
    };
    const cases = {
      "a value": [[(data) => data + "!"], "string:payload!"],
      "a number": [[() => 7], "int:7"],
      "an object": [[() => ({ a: 1 })], 'JSON:{"a":1}'],
      "bytes": [[() => Uint8Array.of(97)], "bytes:a"],
      "a Blob": [[() => new Blob(["b"])], "bytes:b"],
      "a promise": [[async () => "later"], "string:later"],
      "nothing": [[() => {}], "JSON:null"],
      "the first of several that has one": [[() => {}, async () => "second", () => "third"], "string:second"],
      "an error with a code": [[fails(Object.assign(new Error("no"), { code: "mine", data: { a: 1 } }))], 'failure mine: no: {"a":1}'],
      "a promise that rejects with a code": [[async () => fails(Object.assign(new Error("no"), { code: "mine" }))()], "failure mine: no: "],
      "nobody": [[], "failure no_handler: no_handler: "],
    };
    for (const [name, [handlers, expected]] of Object.entries(cases)) {
      test(name, async (t) => {
        const { ws } = begin(t, server.address);
        handlers.forEach((handler) => ws.on("question", handler));
        assert.equal(await answerTo(ws, "question"), expected);
      });
    }

    test("the text of any other error stays here", async (t) => {
      const { ws, told } = begin(t, server.address);
      ws.on("question", fails(new Error("a secret")));
      assert.equal(await answerTo(ws, "question"), "failure error: : ");
      assert.equal((await told.error.take()).message, "a secret");
    });
  });
});

describe("listeners", () => {
  test("on, once, off, onAny, and the functions that stop them", async (t) => {
    const { ws } = begin(t, server.address);
    const calls = [];
    const note = (name) => (...values) => { calls.push([name, ...values]); };
    const shared = note("shared");
    const stop = ws.on("seen", note("on"));
    ws.once("seen", note("once"));
    const stopOnce = ws.once("seen", note("never"));
    stopOnce();
    ws.on("seen", shared);
    ws.once("other", shared);
    const stopAny = ws.onAny(note("any"));
    await ws.ask("echo", 1);
    assert.deepEqual(calls.splice(0), [["any", "seen", "int:1"], ["on", "int:1"], ["once", "int:1"], ["shared", "int:1"]]);
    stop();
    stop();
    ws.off("seen", shared);
    ws.off("other", shared);
    await ws.ask("echo", 2);
    assert.deepEqual(calls.splice(0), [["any", "seen", "int:2"]]);
    stopAny();
    ws.on("seen", note("a"));
    const stopB = ws.on("seen", note("b"));
    ws.off("seen");
    stopB();
    ws.off("unknown");
    ws.off("unknown", shared);
    await ws.ask("echo", 3);
    assert.deepEqual(calls, []);
  });

  test("one that throws or rejects keeps no other from being called, and is reported", async (t) => {
    const { ws, told } = begin(t, server.address);
    ws.on("seen", () => {
      throw new Error("first");
    });
    ws.on("seen", async () => {
      throw new Error("second");
    });
    const seen = inboxOf(ws, "seen");
    await ws.ask("echo", 1);
    assert.equal(await seen.take(), "int:1");
    assert.deepEqual([(await told.error.take()).message, (await told.error.take()).message], ["first", "second"]);
  });

  test("events named like callbacks or methods of objects disturb nothing", async (t) => {
    const { ws, told } = begin(t, server.address);
    for (const event of ["connect", "error", "__proto__", "constructor", "toString", "message", "disconnect"]) {
      const asked = inboxOf(ws, "asked");
      ws.on(event, (data) => `${event} ${data}`);
      ws.emit("ask me", event);
      assert.equal(await asked.take(), `string:${event} payload`);
      ws.off("asked");
    }
    assert.deepEqual(told.error.drain(), []);
  });
});

describe("the life of a client", () => {
  test("states, callbacks and the id", async (t) => {
    const { ws, told } = begin(t, server.address);
    assert.equal(ws.state, "connecting");
    assert.equal(ws.id, undefined);
    assert.deepEqual(await told.connected.take(), { resumed: false, why: undefined });
    assert.equal(ws.state, "connected");
    const { id } = ws;
    assert.equal(typeof id, "string");
    ws.disconnect();
    assert.equal(ws.state, "disconnected");
    assert.deepEqual(await told.disconnected.take(), { code: 1000, reason: undefined, willReconnect: false });
    assert.equal(ws.emit("echo", 1), false);
    assert.equal((await told.error.take()).code, "disconnected");
    await assert.rejects(ws.ask("echo", 1), { code: "disconnected" });
    ws.connect();
    ws.connect();
    assert.deepEqual(await told.connected.take(), { resumed: false, why: undefined });
    assert.notEqual(ws.id, id);
    assert.equal(await ws.ask("add", [1, 2]), 3);
    assert.deepEqual(told.connected.drain(), []);
  });

  test("disconnect before the connection stands: nothing comes any more", async (t) => {
    const { ws, told } = begin(t, server.address);
    const asked = assert.rejects(ws.ask("add", [1, 2]), { code: "disconnected" });
    ws.emit("echo", 1);
    ws.disconnect();
    await asked;
    await told.disconnected.take();
    assert.deepEqual(await told.lost.take(), [{ event: "echo", data: 1, taken: false }]);
    ws.connect();
    await told.connected.take();
    assert.deepEqual(await ws.ask("report"), [0, 0, 0]);
  });

  test("what is sent before disconnect arrives", async (t) => {
    const { ws: witness } = begin(t, server.address);
    const { ws, told } = begin(t, server.address);
    await told.connected.take();
    const seen = inboxOf(witness, "seen");
    await witness.ask("echo", "ready");
    await seen.take();
    ws.emit("echo", 1);
    ws.disconnect(1000, "bye");
    assert.deepEqual(await told.disconnected.take(), { code: 1000, reason: "bye", willReconnect: false });
    assert.deepEqual(told.lost.drain(), []);
  });

  test("the server disconnects: the client stays away", async (t) => {
    const { ws, told } = begin(t, server.address);
    ws.emit("kick");
    const { code, willReconnect } = await told.disconnected.take();
    assert.deepEqual([code, willReconnect, ws.state], [1000, false, "disconnected"]);
    assert.deepEqual(told.reconnecting.drain(), []);
  });

  test("the network drops: messages wait, and the session goes on", async (t) => {
    const proxy = await startTCPProxy(new URL(server.url).port);
    t.after(proxy.stop);
    const { ws, told } = begin(t, proxy.address);
    await told.connected.take();
    const { id } = ws;
    proxy.refuse = true;
    const asked = ws.ask("nothing");
    proxy.drop();
    const lost = await told.disconnected.take();
    assert.deepEqual([lost.code, lost.willReconnect], [1006, true]);
    await told.suspended.take();
    const plan = await told.reconnecting.take();
    assert.equal(plan.attempt, 1);
    assert.ok(plan.delay >= 0 && plan.delay <= 2000, plan.delay);
    assert.equal(ws.state, "reconnecting");
    assert.equal(ws.emit("up", 1), true);
    assert.equal(ws.volatile.emit("up", 5), false);
    assert.equal((await told.reconnecting.take()).attempt, 2);
    proxy.refuse = false;
    assert.deepEqual(await told.connected.take(), { resumed: true, why: undefined });
    await told.resumed.take();
    assert.equal(ws.id, id);
    await asked;
    assert.deepEqual(await ws.ask("report"), [1, 0, 0]);
    assert.equal(ws.volatile.emit("up", 2), true);
    assert.deepEqual(await ws.ask("report"), [2, 0, 0]);
  });

  test("nobody listens at first", async (t) => {
    const port = await freePort();
    const { ws, told } = begin(t, `ws://127.0.0.1:${port}/ws`);
    ws.emit("up", 1);
    const asked = ws.ask("add", [1, 2], { timeout: 15_000 });
    assert.equal((await told.reconnecting.take()).attempt, 1);
    assert.equal(ws.state, "reconnecting");
    assert.deepEqual(told.disconnected.drain(), []);
    const late = await startModernServer(`-address=127.0.0.1:${port}`);
    t.after(late.stop);
    await told.connected.take();
    assert.equal(await asked, 3);
    assert.deepEqual(await ws.ask("report"), [1, 0, 0]);
    ws.disconnect();
  });
});

describe("bounds", () => {
  test("a message that is larger than the server takes", async (t) => {
    const { ws, told } = begin(t, server.address);
    const large = "x".repeat(70_000);
    assert.equal(ws.emit("string", large), true); // nobody knows the limit yet
    ws.emit("string", "small");
    const asked = assert.rejects(ws.ask("echo", large), { code: "session_lost" });
    const seen = inboxOf(ws, "seen");
    await told.connected.take();
    assert.deepEqual(await told.lost.take(), [{ event: "string", data: large, taken: false }]);
    await asked;
    assert.equal(ws.emit("string", large), false);
    assert.equal((await told.error.take()).code, "too_large");
    await assert.rejects(ws.ask("echo", large), { code: "too_large" });
    assert.equal(ws.emit("string", "π".repeat(40_000)), false); // it counts bytes
    assert.equal(ws.emit("string", new Blob([large])), false);
    ws.emit("string", "fits");
    assert.deepEqual([await seen.take(), await seen.take()], ["string:small", "string:fits"]);
  });

  test("too much that waits", async (t) => {
    const proxy = await startTCPProxy(new URL(server.url).port);
    t.after(proxy.stop);
    proxy.refuse = true;
    const { ws, told } = begin(t, proxy.address, { maxQueuedBytes: 1000 });
    let taken = 0;
    while (ws.emit("up", taken + 1)) {
      taken++;
    }
    assert.ok(taken > 100 && taken <= 200, taken);
    assert.equal((await told.error.take()).code, "queue_full");
    await assert.rejects(ws.ask("report"), { code: "queue_full" });
    proxy.refuse = false;
    await told.connected.take();
    await within(new Promise((resolve) => {
      const retry = () => ws.ask("report").then((report) => {
        assert.deepEqual(report, [taken, 0, 0]);
        resolve();
      }, () => setTimeout(retry, 20)); // until a count has made space
      retry();
    }), "space in the queue");
  });
});

test("url and token may be functions, and are called for each attempt", async (t) => {
  const proxy = await startTCPProxy(new URL(server.url).port);
  t.after(proxy.stop);
  let urls = 0;
  let tokens = 0;
  const url = async () => {
    urls++;
    if (urls === 1) {
      throw new Error("no address yet");
    }
    return proxy.address;
  };
  const { ws, told } = begin(t, url, { token: () => `token ${++tokens}` });
  assert.equal((await told.error.take()).message, "no address yet");
  await told.connected.take();
  proxy.drop();
  await told.resumed.take();
  assert.deepEqual([urls, tokens], [3, 3]);
  assert.equal(await ws.ask("add", [1, 2]), 3);
});

test("an address that can't be is an error at once", () => {
  for (const address of [undefined, "", "?a=b", "/chat"]) {
    assert.throws(() => connect(address), /^TypeError: Ws: .*pass a whole address/);
  }
});

test("a server that doesn't know protocol 2: an error, and no more attempts", async (t) => {
  const { WebSocketServer } = await import("ws");
  const old = new WebSocketServer({ port: 0 });
  t.after(() => old.close());
  old.options.handleProtocols = () => false;
  old.on("headers", (headers) => headers.push("Sec-WebSocket-Protocol: iris-ws.2")); // or Node would fail, too
  class Lenient extends WebSocket {
    get protocol() {
      return "";
    }
  }
  const { ws, told } = begin(t, `ws://127.0.0.1:${old.address().port}`, { WebSocket: Lenient });
  const { code, willReconnect } = await told.disconnected.take();
  assert.deepEqual([code, willReconnect, ws.state], [4002, false, "disconnected"]);
});
