// What the client makes of each kind of value, and which ones it refuses.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import vm from "node:vm";

import { clientSource, evaluate, Ws } from "./helpers/client.mjs";

const prefix = "iris-websocket-message:";
const encode = (data, event = "e") => Ws.prototype.encodeMessage(event, data);

describe("an event's type and payload", () => {
  class Own {
    constructor() {
      this.a = 1;
    }

    get hidden() {
      return 2;
    }
  }
  class Empty {}
  class Tagged {
    a = 1;
    get [Symbol.toStringTag]() {
      return "Tagged";
    }
  }
  const cases = {
    // Numbers, and text that is nothing but one.
    "a number": [42, "1;42"],
    "zero": [0, "1;0"],
    "a fraction": [-1.5, "1;-1.5"],
    "NaN": [NaN, "4;null"],
    "Infinity": [Infinity, "4;null"],
    "negative Infinity": [-Infinity, "4;null"],
    "digits": ["42", "1;42"],
    "zeros before": ["007", "1;007"],
    "digits after a minus": ["-7", "1;-7"],
    "digits after a plus": ["+7", "1;+7"],
    "a fraction as text": ["1.5", "1;1.5"],
    "a point after digits": ["7.", "0;7."],
    "a point before digits": [".7", "0;.7"],
    "digits before letters": ["12abc", "0;12abc"],
    "digits after letters": ["abc12", "0;abc12"],
    "digits between spaces": [" 7 ", "0; 7 "],
    "digits before a line break": ["7\n", "0;7\n"],
    "an exponent": ["1e3", "0;1e3"],
    "a sign alone": ["-", "0;-"],
    "two signs": ["--7", "0;--7"],
    "two points": ["1.2.3", "0;1.2.3"],
    "digits of another script": ["٧", "0;٧"],
    "NaN as text": ["NaN", "0;NaN"],
    // Booleans and other text.
    "true": [true, "2;true"],
    "false": [false, "2;false"],
    "true as text": ["true", "0;true"],
    "an empty text": ["", "0;"],
    "nothing": [undefined, "0;"],
    // The same in objects.
    "a number in an object": [new Number(42), "1;42"],
    "a fraction in an object": [new Number(1.5), "1;1.5"],
    "NaN in an object": [new Number(NaN), "4;null"],
    "a text in an object": [new String("hello"), "0;hello"],
    "digits in an object": [new String("42"), "1;42"],
    "true in an object": [new Boolean(true), "2;true"],
    "false in an object": [new Boolean(false), "2;false"],
    "a number in an object of another frame": [vm.runInNewContext("new Number(42)"), "1;42"],
    // JSON.
    "null": [null, "4;null"],
    "an object": [{ a: 1, b: [true, null] }, '4;{"a":1,"b":[true,null]}'],
    "an empty object": [{}, "4;{}"],
    "an object without a prototype": [Object.create(null), "4;{}"],
    "an object of another frame": [vm.runInNewContext("({ a: {}, b: [] })"), '4;{"a":{},"b":[]}'],
    "an instance of a class": [new Own(), '4;{"a":1}'],
    "an instance of an empty class": [new Empty(), "4;{}"],
    "an instance of a class with a tag": [new Tagged(), '4;{"a":1}'],
    "an array": [[1, "2"], '4;[1,"2"]'],
    "an empty array": [[], "4;[]"],
    "arguments": [(function () { return arguments; })(1), '4;{"0":1}'],
    "no arguments": [(function () { return arguments; })(), "4;{}"],
    "a date": [new Date(0), '4;"1970-01-01T00:00:00.000Z"'],
    "a date that is none": [new Date(NaN), "4;null"],
    "an address": [new URL("http://example.com/"), '4;"http://example.com/"'],
    "what has a toJSON": [{ toJSON: () => [1] }, "4;[1]"],
    "a map with a toJSON": [Object.assign(new Map(), { toJSON: () => [1] }), "4;[1]"],
    "an error with a toJSON": [Object.assign(new Error("x"), { toJSON: () => "x" }), '4;"x"'],
    "objects within": [{ a: {}, b: [[], {}, new Empty()], c: new Date(0) }, '4;{"a":{},"b":[[],{},{}],"c":"1970-01-01T00:00:00.000Z"}'],
    "numbers, booleans and text within, in objects": [[new Number(1), new Boolean(false), new String("")], '4;[1,false,""]'],
    "functions within, which JSON leaves out": [{ a: 1, f() {}, u: undefined, s: Symbol("s") }, '4;{"a":1}'],
    "bytes within, as ever": [{ b: Uint8Array.of(1, 2), c: new Uint8Array(0) }, '4;{"b":{"0":1,"1":2},"c":{}}'],
  };
  for (const [name, [data, expected]] of Object.entries(cases)) {
    test(name, () => {
      assert.equal(encode(data), `${prefix}e;${expected}`);
    });
  }
});

describe("what JSON makes nothing of", () => {
  const values = {
    "a map": new Map([["a", 1]]),
    "a set": new Set([1]),
    "a weak map": new WeakMap(),
    "a weak set": new WeakSet(),
    "a weak reference": new WeakRef({}),
    "a promise": Promise.resolve(1),
    "a regular expression": /a/,
    "an error": new Error("lost"),
    "an error of a kind": new RangeError("lost"),
    "an error with a code, but without its message": Object.assign(new Error("lost"), { code: 5 }),
    "an error of the browser's": new DOMException("lost"),
    "an iterator": [1].values(),
    "a generator": (function* () { yield 1; })(),
    "a form's data": new FormData(),
    "a query": new URLSearchParams("a=b"),
    "headers": new Headers({ a: "b" }),
    "a number too large for others": 1n,
    "one in an object": Object(1n),
    "a symbol in an object": Object(Symbol("s")),
    "a map of another frame": vm.runInNewContext("new Map([['a', 1]])"),
    "an error of another frame": vm.runInNewContext("new Error('lost')"),
    "a proxy of a map": new Proxy(new Map(), {}),
  };
  for (const [name, value] of Object.entries(values)) {
    test(`${name} is refused`, () => {
      const error = { name: "TypeError", message: /^Ws: event "save": an? .*can't be sent/ };
      assert.throws(() => encode(value, "save"), error);
      assert.throws(() => encode({ within: [value] }, "save"), error);
    });
  }

  // These have a way of their own, but not within others.
  const within = {
    "a Blob": new Blob(["x"]),
    "a File": new File(["x"], "name"),
    "an ArrayBuffer": new ArrayBuffer(1),
    "a SharedArrayBuffer": new SharedArrayBuffer(1),
    "a DataView": new DataView(new ArrayBuffer(1)),
    "an array of large numbers": BigInt64Array.of(1n),
    "a Blob of another frame, as its tag shows": { get [Symbol.toStringTag]() { return "Blob"; } },
  };
  for (const [name, value] of Object.entries(within)) {
    test(`${name} within an object is refused`, () => {
      assert.throws(() => encode({ a: value }, "save"), { name: "TypeError", message: /^Ws: event "save": .*can't be sent/ });
    });
  }

  test("a function and a symbol are refused by their kind", () => {
    assert.throws(() => encode(() => {}, "save"), /^TypeError: Ws: event "save": a function can't be sent/);
    assert.throws(() => encode(Symbol("s"), "save"), /^TypeError: Ws: event "save": a symbol can't be sent/);
    assert.throws(() => encode({ toJSON() {} }, "save"), /^TypeError: Ws: event "save": .* can't be sent/);
  });

  test("what refers to itself is refused, as ever", () => {
    const ring = {};
    ring.ring = ring;
    assert.throws(() => encode(ring), /circular/);
  });

  test("an error of the page's own stays what it is", () => {
    const error = new Error("not now");
    assert.throws(() => encode({ toJSON() { throw error; } }), (thrown) => thrown === error);
  });
});

test("views of bytes, in a browser without ArrayBuffer.isView", () => {
  const Old = evaluate(`delete ArrayBuffer.isView; ${clientSource}`, { WebSocket: class {} });
  const whole = Uint8Array.of(0, 1, 2, 3).buffer;
  for (const view of [new Uint8Array(whole, 1, 2), new Uint8ClampedArray(whole, 1, 2), new DataView(whole, 1, 2)]) {
    const bytes = Old.prototype.encodeMessage("e", view);
    assert.deepEqual([...bytes], [...Buffer.from(`${prefix}e;3;`), 1, 2], view.constructor.name);
  }
  assert.equal(Old.prototype.encodeMessage("e", [1, 2]), `${prefix}e;4;[1,2]`);
});

test("isNumber, isString, isBoolean", () => {
  const { isNumber, isString, isBoolean } = Ws.prototype;
  for (const value of [0, -1.5, new Number(1)]) {
    assert.equal(isNumber(value), true, String(value));
  }
  for (const value of [NaN, Infinity, -Infinity, new Number(NaN), "1", true, null, undefined, {}, []]) {
    assert.equal(isNumber(value), false, String(value));
  }
  for (const [value, expected] of [["", true], [new String("x"), true], [1, false], [null, false], [{}, false]]) {
    assert.equal(isString(value), expected, String(value));
  }
  for (const [value, expected] of [[false, true], [new Boolean(false), true], [0, false], [null, false], ["true", false]]) {
    assert.equal(isBoolean(value), expected, String(value));
  }
});

describe("in a browser without TextEncoder and TextDecoder", () => {
  const Old = evaluate(clientSource, { WebSocket: class {} });
  const texts = ["plain", "größe", "σενάριο", "👋", "\u0000\u007f\u0080\uffff", "%41%zz"];

  test("bytes are the same", () => {
    for (const text of texts) {
      const bytes = Old.prototype.encodeMessage(text, Uint8Array.of(0, 128, 255));
      assert.deepEqual([...bytes], [...Ws.prototype.encodeMessage(text, Uint8Array.of(0, 128, 255))], text);
    }
  });

  // receive returns what the listeners of an event, and those of native
  // messages, are called with.
  function receive(Client, event, bytes) {
    const ws = Object.assign(Object.create(Client.prototype), { messageListeners: {}, nativeMessageListeners: [] });
    const heard = [];
    const hear = (how) => (message) => heard.push([how, typeof message === "string" ? message : [...new Uint8Array(message)]]);
    ws.On(event, hear("event"));
    ws.OnMessage(hear("native"));
    ws.messageReceivedFromConn({ data: Uint8Array.from(bytes).buffer });
    return heard;
  }

  for (const Client of [Old, Ws]) {
    const name = Client === Old ? "old" : "new";
    test(`binary messages are read, in a browser that is ${name}`, () => {
      for (const text of texts) {
        const message = new TextEncoder().encode(`${prefix}${text};0;${text};`);
        assert.deepEqual(receive(Client, text, message), [["event", `${text};`]], text);
        const bytes = [...new TextEncoder().encode(`${prefix}${text};3;`), 0, 128, 255];
        assert.deepEqual(receive(Client, text, bytes), [["event", [0, 128, 255]]], text);
      }
      assert.deepEqual(receive(Client, "e", [0, 128, 255]), [["native", [0, 128, 255]]]);
    });
  }

  test("text that is none harms nothing", () => {
    const message = [...new TextEncoder().encode(`${prefix}e;0;a`), 255];
    assert.deepEqual(receive(Old, "e", message), [["event", "a\u00ff"]]);
    assert.deepEqual(receive(Ws, "e", message), [["event", "a\ufffd"]]);
  });
});
