// The type digit that the old client gives to each value, and what it reads without
// TextDecoder. Handlers on the server rely on the digits.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { clientSource, evaluate, Ws } from "./helpers/client.mjs";

const prefix = "iris-websocket-message:";

describe("the type of a value", () => {
  for (const [name, value, sent] of [
    ["a text that is an integer", "12", "1;12"],
    ["a negative one", "-7", "1;-7"],
    ["one with a plus sign", "+7", "1;+7"],
    ["a fraction", "7.5", "1;7.5"],
    ["leading zeros", "007", "1;007"],
    ["a text that ends with a dot", "7.", "0;7."],
    ["one that begins with a dot", ".7", "0;.7"],
    ["letters behind digits", "12abc", "0;12abc"],
    ["letters before digits", "abc12", "0;abc12"],
    ["an exponent", "1e3", "0;1e3"],
    ["a space before", " 7", "0; 7"],
    ["a space behind", "7 ", "0;7 "],
    ["two lines", "7\n8", "0;7\n8"],
    ["two signs", "--7", "0;--7"],
    ["only a sign", "-", "0;-"],
    ["no text", "", "0;"],
    ["a number", 7, "1;7"],
    ["a fraction as a number", 1.5, "1;1.5"],
    ["NaN", NaN, "4;null"],
    ["Infinity", Infinity, "4;null"],
    ["a boxed number", new Number(7), "1;7"],
    ["a boxed NaN", new Number(NaN), "4;null"],
    ["a boxed string", new String("x"), "0;x"],
    ["a boxed text that is a number", new String("7"), "1;7"],
    ["a boxed boolean", new Boolean(false), "2;false"],
    ["null", null, "4;null"],
    ["nothing", undefined, "0;"],
  ]) {
    test(name, () => assert.equal(Ws.prototype.encodeMessage("e", value), `${prefix}e;${sent}`));
  }

  test("isNumber, isString and isBoolean know boxed values, too", () => {
    const { isNumber, isString, isBoolean } = Ws.prototype;
    assert.deepEqual([new Number(1), 1, NaN, Infinity, "1"].map(isNumber), [true, true, false, false, false]);
    assert.deepEqual([new String("a"), "a", 1].map(isString), [true, true, false]);
    assert.deepEqual([new Boolean(true), false, "true"].map(isBoolean), [true, true, false]);
  });
});

test("text in bytes, in a browser without TextDecoder", () => {
  for (const globals of [{}, { TextDecoder }]) {
    const Some = evaluate(clientSource, { WebSocket: class {}, ...globals });
    const seen = [];
    const ws = Object.create(Some.prototype);
    ws.fireMessage = (event, message) => seen.push([event, message]);
    for (const text of ["hé\ufeff€😀", "", "\ufeffx"]) {
      ws.messageReceivedFromConn({ data: new Uint8Array(Buffer.from(`${prefix}é;0;${text}`)).buffer });
      assert.deepEqual(seen.pop(), ["é", text]);
    }
  }
});
