// What old clients send, and where our server does otherwise than theirs did.

// values are the arguments of Emit after the event, by a name for each.
export const values = {
  "a string": ["hello"],
  "an empty string": [""],
  "two spaces": ["  "],
  "digits": ["42"],
  "zeros before": ["007"],
  "a negative number as text": ["-5"],
  "a fraction as text": ["1.5"],
  "an exponent as text": ["1e3"],
  "separators": ["a;b;c"],
  "not ASCII": ["déjà vu 👋"],
  "JSON as text": ['{"a":1}'],
  "true as text": ["true"],
  "the prefix": ["iris-websocket-message:x;0;y"],
  "zero": [0],
  "a number": [42],
  "a negative number": [-7],
  "a fraction": [1.5],
  "a huge number": [1e21],
  "true": [true],
  "false": [false],
  "an object": [{ a: 1, b: [true, null] }],
  "an array": [[1, 2]],
  "an empty array": [[]],
  "null": [null],
  "no data": [],
};

// differences are what the old server did, what ours does, and why, by
// "<value> to <handler>". Whatever isn't here is the same.
export const differences = {};

function differ(why, handler, then, now) {
  for (const [value, got] of Object.entries(now)) {
    const heard = (text) => `a: got ${JSON.stringify(text)}`;
    differences[`${value} to ${handler}`] = {
      why,
      then: typeof then === "string" ? [then] : then(value).map(heard),
      now: got === undefined ? [] : [heard(got)],
    };
  }
}

const all = (names, got) => Object.fromEntries(names.map((name) => [name, got]));
const died = "a: disconnected";
const dropped = () => [];

// A payload of another type than the handler's.
const rejected = "it is reported to OnError, and the connection lives";
differ(rejected, "int", died, all([
  "a string", "separators", "not ASCII", "JSON as text", "true as text", "the prefix", "false", "an object", "an array",
]));
differ(rejected, "bool", died, all([
  "a string", "digits", "zeros before", "a negative number as text", "separators", "not ASCII", "JSON as text",
  "true as text", "the prefix", "zero", "a number", "a negative number", "an object", "an array",
]));
differ("a handler of bytes takes any payload", "bytes", died, {
  "a string": 'bytes "hello"',
  "digits": 'bytes "42"',
  "zeros before": 'bytes "007"',
  "a negative number as text": 'bytes "-5"',
  "separators": 'bytes "a;b;c"',
  "not ASCII": 'bytes "déjà vu 👋"',
  "JSON as text": 'bytes "{\\"a\\":1}"',
  "true as text": 'bytes "true"',
  "the prefix": 'bytes "iris-websocket-message:x;0;y"',
  "zero": 'bytes "0"',
  "a number": 'bytes "42"',
  "a negative number": 'bytes "-7"',
  "false": 'bytes "false"',
  "an object": 'bytes "{\\"a\\":1,\\"b\\":[true,null]}"',
  "an array": 'bytes "[1,2]"',
});

// What the old script sends as an int that is none, or with nothing after the
// type.
const accepted = "it is accepted as what was meant";
differ(accepted, "string", dropped, {
  "an empty string": 'string ""',
  "two spaces": 'string "  "',
  "a fraction as text": 'string "1.5"',
  "an exponent as text": 'string "1e3"',
  "a fraction": 'string "1.5"',
  "a huge number": 'string "1e+21"',
  "true": 'string "true"',
  "false": 'string "false"',
  "an empty array": 'string ""',
  "no data": 'string ""',
});
differ(accepted, "int", dropped, { "an empty string": "int 0", "no data": "int 0" });
differ(accepted, "bool", dropped, { "an empty string": "bool false", "true": "bool true", "no data": "bool false" });
differ(accepted, "bytes", dropped, {
  "an empty string": 'bytes ""',
  "two spaces": 'bytes "  "',
  "a fraction as text": 'bytes "1.5"',
  "an exponent as text": 'bytes "1e3"',
  "a fraction": 'bytes "1.5"',
  "a huge number": 'bytes "1e+21"',
  "true": 'bytes "true"',
  "an empty array": 'bytes ""',
  "no data": 'bytes ""',
});
differ(accepted, "any", dropped, {
  "an empty string": "any string ",
  "two spaces": "any string   ",
  "a fraction as text": "any float64 1.5",
  "an exponent as text": "any string 1e3",
  "a fraction": "any float64 1.5",
  "a huge number": "any float64 1e+21",
  "true": "any bool true",
  "an empty array": "any []interface {} []",
  "no data": "any string ",
});
differ(accepted, "nothing", dropped, all([
  "an empty string", "two spaces", "a fraction as text", "an exponent as text", "a fraction", "a huge number", "true",
  "an empty array", "no data",
], "nothing"));

// The old script sends digits as an int, whatever they were.
differ("text stays as it was typed", "string", () => ['string "7"'], { "zeros before": 'string "007"' });
