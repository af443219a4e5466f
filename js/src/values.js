// From the values of a program to payloads, and back. Both wires have the same types.

import { failure, refuse } from "./failure.js";
import { asBytes, asText } from "./text.js";

/* global MODULE: the module leaves out what only the classic client needs */

export const STRING = 0, INT = 1, BOOL = 2, BYTES = 3, JSON_TYPE = 4;

// tagOf names the kind of a value. Unlike instanceof, it knows values of another frame.
export const tagOf = (value) => ({}).toString.call(value).slice(8, -1);


// cannot throws the error for a value that can't be sent. what names the message.
const cannot = (what, kind) => refuse(what + ": a " + kind + " can't be sent");

// nameOf checks the name of an event and returns how errors call it.
export const nameOf = (event) => /^[^;]+$/.test(event) ? `event "${event}"`
  : refuse(`event "${event}": a name must not be empty and must not contain a ';'`);

// copyOf returns a copy of bytes: the program may change its buffer before it is sent.
const copyOf = (value) => new Uint8Array(value.buffer || value, value.byteOffset || 0, value.byteLength).slice();

// toBytes is copyOf with an error of our own if the buffer was given away.
const toBytes = MODULE ? copyOf : (value, what) => {
  try {
    return copyOf(value);
  } catch (_) {
    refuse(what + ": its buffer was given away");
  }
};

// binaryOf returns a copy of bytes, and a Blob as it is. Some old browsers have no
// ArrayBuffer.isView.
const binaryOf = (data, tag, what) => /(ArrayBuffer|DataView|\d(Clamped)?Array)$/.test(tag) ? toBytes(data, what) : /^(Blob|File)$/.test(tag) && data;

// toJSON returns the JSON of a value. It throws if JSON would make {} of something: of a
// map, a promise or bytes. Of an error it would keep what the error has besides its message.
// The tags are those of objects, arguments, strings, numbers, booleans, null and arrays.
const toJSON = (data, what) => JSON.stringify(data, (_, value, tag = tagOf(value)) =>
  /^(obj|big)/.test(typeof value) && (tag === "Error" || !/^(Obj|Arg|Num|Boo|Nul)|(String|Array)$/.test(tag) && !Object.keys(value).length)
    ? cannot(what, tag) : value) // null for NaN
  || cannot(what, typeof data); // a function or a symbol

// encode returns the type and the payload of a value. The payload of a Blob is the Blob;
// the classic wire has none. It sends each number as an integer, and a text that looks like
// one: pages rely on it for what comes out of an input field.
export const encode = (data = "", what, classic) => {
  const tag = tagOf(data), isClassic = !MODULE && classic, binary = binaryOf(data, tag, what);
  return tag === "String" ? [isClassic && /^[+-]?\d+(\.\d+)?$/.test(data) ? INT : STRING, data + ""]
    : tag === "Number" && (isClassic ? isFinite(data) : Number.isSafeInteger(+data)) ||
      !isClassic && tag === "BigInt" && BigInt.asIntN(64, data) == data ? [INT, data + ""]
    : tag === "Boolean" ? [BOOL, data + ""]
    : !binary ? [JSON_TYPE, toJSON(data, what)]
    : isClassic && binary === data ? refuse(what + ": a Blob can't be emitted at once; emit what its arrayBuffer() resolves to")
    : [BYTES, binary];
};

// encodeNative returns the payload of a native message: bytes, a Blob, or the text that a
// WebSocket makes of anything else, unless it says nothing of the value.
export const encodeNative = (data) => {
  const what = "a native message", kind = typeof data, tag = tagOf(data), binary = binaryOf(data, tag, what);
  if (binary) {
    return binary;
  }
  const text = data && !data.toString ? "[object " : String(data);
  return /^(fun|sym)/.test(kind) || kind === "object" && tag !== "String" && text.includes("[object ") ? cannot(what, kind) : text;
};

// decode returns the value of a payload of protocol 2. It throws if the payload isn't of
// its type.
export const decode = (type, payload) => {
  try {
    const text = asText(payload), value = type == BYTES ? asBytes(payload) : type == STRING ? text : JSON.parse(text);
    return type == INT && !Number.isSafeInteger(value) ? BigInt(text) : value;
  } catch (_) {
    throw failure("invalid_payload");
  }
};
