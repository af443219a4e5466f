// What the client sends, and what it refuses, at once and to the caller.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { types } from "node:util";
import vm from "node:vm";

import { clientSource, evaluate } from "./helpers/client.mjs";

const prefix = "iris-websocket-message:";
const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];

// begin makes a connection that stands only when open is called. Like that of a
// browser, its WebSocket throws for shared memory. sent is what it sent, bytes as
// arrays; later does what the client put off.
function begin({ refuses = () => false, ...globals } = {}) {
  const sent = [];
  const tasks = [];
  class WebSocket {
    readyState = CONNECTING;
    send(message) {
      const buffer = message.buffer ?? message;
      if (refuses(message) || types.isSharedArrayBuffer(buffer)) {
        throw new TypeError("refused by the browser");
      }
      const isBytes = types.isArrayBuffer(buffer);
      sent.push(isBytes ? [...new Uint8Array(buffer, message.byteOffset ?? 0, message.byteLength)] : message);
    }
  }
  const world = { WebSocket, TextEncoder, TextDecoder, setTimeout: (task) => tasks.push(task), ...globals };
  const ws = new (evaluate(clientSource, world))("ws://example.com/echo");
  const open = () => {
    ws.conn.readyState = OPEN;
    ws.conn.onopen();
  };
  return { ws, sent, tasks, open };
}

// states has a connection that doesn't stand yet, and one that does.
const states = {
  "before the connection stands": () => begin(),
  "when it stands": () => {
    const begun = begin();
    begun.open();
    return begun;
  },
};

function finish(begun) {
  if (begun.ws.conn.readyState === CONNECTING) {
    begun.open();
  }
  return begun.sent;
}

const bytesOf = (event, ...bytes) => [...new TextEncoder().encode(`${prefix}${event};3;`), ...bytes];

function shared(...bytes) {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

function detached() {
  const buffer = Uint8Array.of(1, 2).buffer;
  const views = { buffer, "a view of it": new Uint8Array(buffer), "a DataView of it": new DataView(buffer) };
  structuredClone(buffer, { transfer: [buffer] });
  return views;
}

const memory = {
  "an ArrayBuffer": () => Uint8Array.of(1, 2).buffer,
  "a Uint8Array": () => Uint8Array.of(1, 2),
  "a part of one": () => Uint8Array.of(0, 1, 2, 3).subarray(1, 3),
  "a Uint16Array": () => new Uint16Array(Uint8Array.of(1, 2).buffer),
  "a DataView": () => new DataView(Uint8Array.of(0, 1, 2, 3).buffer, 1, 2),
  "a SharedArrayBuffer": () => shared(1, 2),
  "a view of shared memory": () => new Uint8Array(shared(0, 1, 2, 3), 1, 2),
  "a DataView of shared memory": () => new DataView(shared(1, 2)),
  "a buffer that may grow": () => {
    const buffer = new ArrayBuffer(2, { maxByteLength: 4 });
    new Uint8Array(buffer).set([1, 2]);
    return buffer;
  },
  "an ArrayBuffer of another frame": () => vm.runInNewContext("new Uint8Array([1, 2]).buffer"),
  "a SharedArrayBuffer of another frame": () => vm.runInNewContext("var b = new SharedArrayBuffer(2); new Uint8Array(b).set([1, 2]); b"),
};

for (const [state, start] of Object.entries(states)) {
  describe(state, () => {
    for (const [name, make] of Object.entries(memory)) {
      test(`${name} is sent as it was when it was handed over`, () => {
        const begun = start();
        const data = make();
        begun.ws.Emit("e", data);
        begun.ws.EmitMessage(data);
        new Uint8Array(data.buffer ?? data).fill(9);
        begun.ws.EmitMessage("more");
        assert.deepEqual(finish(begun), [bytesOf("e", 1, 2), [1, 2], "more"]);
      });
    }

    test("an object is sent as it was when it was handed over", () => {
      const begun = start();
      const data = { a: [1] };
      begun.ws.Emit("e", data);
      data.a.push(2);
      assert.deepEqual(finish(begun), [`${prefix}e;4;{"a":[1]}`]);
    });

    for (const [name, data] of Object.entries(detached())) {
      test(`what was given away, as ${name}, is refused`, () => {
        const begun = start();
        assert.throws(() => begun.ws.Emit("save", data), /event "save": .*given away/);
        assert.throws(() => begun.ws.EmitMessage(data), /message: .*given away/);
        begun.ws.EmitMessage("more");
        assert.deepEqual(finish(begun), ["more"]);
      });
    }

    test("a Blob is a native message", () => {
      const begun = start();
      const blobs = [new Blob(["x"]), new File(["x"], "name")];
      blobs.forEach((blob) => begun.ws.EmitMessage(blob));
      assert.deepEqual(finish(begun), blobs);
    });

    test("what has a text is a native message with that text, as ever", () => {
      const cases = [
        ["", ""], ["hello", "hello"], [new String("[object Object]"), "[object Object]"],
        [42, "42"], [-0.5, "-0.5"], [NaN, "NaN"], [new Number(42), "42"], [true, "true"], [false, "false"], [new Boolean(false), "false"],
        [10n, "10"], [null, "null"], [undefined, "undefined"], [[1, [2]], "1,2"], [[], ""],
        [new URL("http://example.com/a"), "http://example.com/a"], [{ toString: () => "its own" }, "its own"],
      ];
      const begun = start();
      cases.forEach(([message]) => begun.ws.EmitMessage(message));
      assert.deepEqual(finish(begun), cases.map(([, text]) => text));
    });

    test("what has none is refused as a native message", () => {
      const begun = start();
      class Own {}
      const without = [{}, { a: 1 }, new Own(), [1, {}], new Map(), new Set(), Promise.resolve(), Symbol("s"), () => {}, Own, Object.create(null), vm.runInNewContext("({})")];
      for (const message of without) {
        assert.throws(() => begun.ws.EmitMessage(message), { name: "TypeError", message: /^Ws: a native message: .*can't be sent/ });
      }
      begun.ws.EmitMessage("more");
      assert.deepEqual(finish(begun), ["more"]);
    });

    test("what can't be emitted is refused, and the rest arrives", () => {
      const begun = start();
      let connects = 0;
      begun.ws.OnConnect(() => connects++);
      for (const data of [new Map(), 1n, () => {}, new Blob(["x"])]) {
        begun.ws.Emit("before", "x");
        assert.throws(() => begun.ws.Emit("wrong", data), /event "wrong".*can't be/);
        begun.ws.Emit("after", "x");
      }
      const sent = finish(begun);
      assert.equal(sent.length, 8);
      assert.ok(sent.every((message) => /:(before|after);0;x$/.test(message)));
      assert.equal(connects, 1);
    });
  });
}

test("what is refused is refused after the end, too", () => {
  const { ws, sent } = begin();
  ws.conn.readyState = CLOSED;
  ws.conn.onclose();
  assert.throws(() => ws.Emit("wrong", () => {}), /can't be sent/);
  assert.throws(() => ws.EmitMessage({}), /can't be sent/);
  assert.deepEqual(sent, []);
});

test("what the browser refuses all the same loses nothing else, and is seen", () => {
  const { ws, sent, tasks, open } = begin({ refuses: (message) => message === "two" });
  let connects = 0;
  ws.OnConnect(() => connects++);
  ["one", "two", "three"].forEach((message) => ws.EmitMessage(message));
  open();
  assert.deepEqual(sent, ["one", "three"]);
  assert.equal(connects, 1);
  assert.equal(ws.isReady, true);
  assert.equal(tasks.length, 1);
  assert.throws(tasks[0], /refused by the browser/);
  assert.throws(() => ws.EmitMessage("two"), /refused by the browser/); // nobody else would know
});

test("Emit sends what EmitMessage is given, which pages may have made their own", () => {
  const { ws, sent, open } = begin();
  open();
  const { EmitMessage } = ws;
  ws.EmitMessage = (message) => EmitMessage.call(ws, `${message}!`);
  ws.Emit("e", "x");
  assert.deepEqual(sent, [`${prefix}e;0;x!`]);
});
