// The golden vectors of protocol 2.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { root } from "./helpers/go.mjs";

globalThis.MODULE = true; // the build says so to the modules
const { parse } = await import("../src/wire.js");
const { decode, encode } = await import("../src/values.js");
const { asText, glue } = await import("../src/text.js");

const vectors = JSON.parse(readFileSync(join(root, "internal/wire/testdata/vectors2.json"), "utf8"));
const utf8 = (text) => new TextEncoder().encode(text);

describe("golden vectors", () => {
  for (const { name, message, kind, event = "", type, id = "", payload, value, count } of vectors.messages) {
    for (const [form, sent] of [["text", message], ["bytes", utf8(message)]]) {
      test(`parse ${name}, ${form}`, () => {
        const [gotKind, gotEvent, gotType, gotID, gotPayload] = parse(sent);
        assert.deepEqual([gotKind, gotEvent, gotID, asText(gotPayload)], [kind, event, id, payload]);
        assert.equal(gotType, type === undefined ? undefined : String(type));
        assert.equal(count, kind === "a" ? asText(gotPayload) : undefined);
      });
    }
    if (value) {
      const [of, data] = value;
      const given = of === "bytes" ? utf8(data) : data;
      test(`encode ${name}`, () => {
        const [gotType, gotPayload] = encode(given, "it", true);
        const head = kind ? `;${kind}${gotType}${id};` : `${event};${gotType}${id};`;
        const got = glue(head, gotPayload);
        assert.equal(typeof got, of === "bytes" ? "object" : "string");
        // JavaScript doesn't tell 3 from 3.0: a whole number is always of type 1.
        assert.equal(asText(got), of === "json" && Number.isInteger(data) ? message.replace(";r4", ";r1") : message);
      });
      test(`decode ${name}`, () => {
        const [, , gotType, , gotPayload] = parse(message);
        assert.deepEqual(decode(gotType, gotPayload), given);
      });
    }
  }
  for (const { message, why } of vectors.malformed) {
    test(`malformed ${JSON.stringify(message)}: ${why}`, () => {
      assert.throws(() => parse(message));
      assert.throws(() => parse(utf8(message)));
    });
  }
});

describe("values", () => {
  const cases = {
    "a safe integer": [9007199254740991, 1, "9007199254740991"],
    "a larger number": [2 ** 60, 4, "1152921504606847000"],
    "zero with a sign": [-0, 1, "0"],
    "a large integer": [9007199254740993n, 1, "9007199254740993"],
    "a small BigInt": [-5n, 1, "-5"],
    "a fraction": [1.5, 4, "1.5"],
    "no number": [NaN, 4, "null"],
    "digits": ["42", 0, "42"],
    "nothing": [undefined, 0, ""],
    "null": [null, 4, "null"],
    "true": [true, 2, "true"],
  };
  for (const [name, [value, type, payload]] of Object.entries(cases)) {
    test(name, () => assert.deepEqual(encode(value, "it", true), [type, payload]));
  }

  test("an integer beyond 2^53 becomes a BigInt", () => {
    assert.equal(decode("1", "9007199254740993"), 9007199254740993n);
    assert.equal(decode("1", "-9223372036854775808"), -9223372036854775808n);
    assert.equal(decode("1", "9007199254740991"), 9007199254740991);
  });

  test("a payload of another type throws", () => {
    for (const [type, payload] of [["1", "x"], ["1", "1.5"], ["1", ""], ["2", "yes"], ["4", "{"]]) {
      assert.throws(() => decode(type, payload), `${type};${payload}`);
    }
  });
});
