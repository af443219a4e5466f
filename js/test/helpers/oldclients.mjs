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

// differences are where the old server and ours do not do the same with a value:
// what they did and do, by "<value> to <handler>", by why.
export const differences = {};

// differ says of a handler what the old server did with some values, and what
// ours does: undefined if it reports that the value is of another type.
function differ(why, handler, then, now) {
  differences[why] ??= {};
  for (const [value, got] of Object.entries(now)) {
    const heard = (text) => `a: got ${JSON.stringify(text)}`;
    differences[why][`${value} to ${handler}`] = {
      then: typeof then === "string" ? [then] : then(value).map(heard),
      now: got === undefined ? [`a: a failed, event "${handler}"`] : [heard(got)],
    };
  }
}

const all = (names, got) => Object.fromEntries(names.map((name) => [name, got]));
const died = "a: disconnected";
const dropped = () => [];

const rejected = "a bug of the old server's: a payload of another type than the handler's panicked the reader; it is reported";
differ(rejected, "int", died, all([
  "a string", "separators", "not ASCII", "JSON as text", "true as text", "the prefix", "false", "an object", "an array",
]));
differ(rejected, "bool", died, all([
  "a string", "digits", "zeros before", "a negative number as text", "separators", "not ASCII", "JSON as text",
  "true as text", "the prefix", "zero", "a number", "a negative number", "an object", "an array",
]));

const accepted = "a bug of the old server's: what the old script sends as an int that is none, or without data, was dropped; it is taken as what was meant";
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

const anyPayload = "no bug, and yet other now: a handler of bytes takes any payload, since the old script can't send bytes";
differ(anyPayload, "bytes", died, {
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

const typed = "no bug, and yet other now: text stays as it was typed, where the old script sends digits as an int";
differ(typed, "string", () => ['string "7"'], { "zeros before": 'string "007"' });

const reported = "no bug, and yet other now: what the old server dropped without a word is reported";
const numbers = ["two spaces", "a fraction as text", "an exponent as text", "a fraction", "a huge number", "an empty array"]; // to the old script
differ(reported, "string", dropped, all(["an object", "an array"]));
differ(reported, "int", dropped, all([...numbers, "true"]));
differ(reported, "bool", dropped, all(numbers));

const prefix = "iris-websocket-message:";
const two = [["a", "connect"], ["b", "connect"]];
const lives = ["a", "Emit", "nothing", "now"];

// messageOf returns a message of that many bytes.
export const messageOf = (bytes, beginning = "") => beginning + "x".repeat(bytes - beginning.length);

// toldOf is what a and b, who are connected, are told, one after the other.
const toldOf = (a, b) => ["a: connected", ...a.map((line) => `a: ${line}`), "b: connected", ...b.map((line) => `b: ${line}`)];
const deadThen = toldOf(["disconnected"], ["a is gone"]);
const livesNow = (...told) => toldOf([...told, 'got "nothing"'], []);
const failedNow = (what) => toldOf([`a failed, ${what}`, 'got "nothing"'], [`a failed, ${what}`]);
const got = (text) => `got ${JSON.stringify(`string ${JSON.stringify(text)}`)}`;

// sending is a scene of a message that not both servers survive.
const sending = (message) => [...two, ["a", "EmitMessage", message], lives];

// A message that is too large even now.
const tooLarge = (message) => ({
  scene: [...two, ["a", "EmitMessage", message], ["b", "hears", "a is gone"], ["a", "ends"]],
  then: deadThen,
  now: toldOf(["disconnected"], ["a failed, the client sent a message larger than Config.MaxMessageSize", "a is gone"]),
});

// bugs are those of the old server's that a client can see, each with scenes,
// what was told then, and what is now.
export const bugs = {
  "an event whose name has no ';' after it panicked the reader": {
    "a name": { scene: sending(`${prefix}x`), then: deadThen, now: failedNow("malformed event") },
    "no name": { scene: sending(prefix), then: deadThen, now: failedNow("malformed event") },
  },
  "a string to a func(int) panicked the reader": {
    "a string": { scene: [...two, ["a", "Emit", "int", "x"], lives], then: deadThen, now: failedNow('event "int"') },
  },
  "a panic in a handler ended the connection": {
    panic: { scene: [...two, ["a", "Emit", "panic", "now"], lives], then: deadThen, now: failedNow('panic in the handler of "panic"') },
  },
  "a message over 1024 bytes ended the connection, and OnError was told nothing": {
    "an event": {
      scene: sending(messageOf(1025, `${prefix}string;0;`)),
      then: deadThen,
      now: livesNow(got(messageOf(1025 - `${prefix}string;0;`.length))),
    },
    "a native one": { scene: sending(messageOf(1025)), then: deadThen, now: livesNow(`message "native ${messageOf(1025)}"`) },
    "64 KiB": { scene: sending(messageOf(65536)), then: deadThen, now: livesNow(`message "native ${messageOf(65536)}"`) },
    "more than 64 KiB": tooLarge(messageOf(65537)),
    "an event of more than 64 KiB": tooLarge(messageOf(65537, `${prefix}string;0;`)),
  },
  "who joined twice was told twice, and had to leave twice": {
    twice: {
      scene: [
        ...two, ["a", "Emit", "join", "red"], ["a", "Emit", "join", "red"], ["b", "Emit", "say", "red"],
        ["a", "Emit", "leave", "red"], ["b", "Emit", "say", "red"], ["a", "Emit", "leave", "red"], ["b", "Emit", "say", "red"],
      ],
      then: toldOf(['joined "red"', 'joined "red"', 'said "red"', 'said "red"', 'left "true"', 'said "red"', 'left "true"'], []),
      now: toldOf(['joined "red"', 'joined "red"', 'said "red"', 'left "true"', 'left "false"'], []),
    },
  },
  "OnDisconnect was called twice": {
    "when it makes sure of the end": {
      scene: [...two, ["a", "Emit", "kick twice", "now"], ["b", "hears", "calls"], ["a", "ends"]],
      then: toldOf(["disconnected"], ["a is gone", "a is gone", 'calls "2"']),
      now: toldOf(["disconnected"], ["a is gone", 'calls "1"']),
    },
  },
  "an int from the server arrived empty": {
    int: { scene: [...two, ["a", "Emit", "send", "int"]], then: toldOf(['sent ""'], []), now: toldOf(['sent "42"'], []) },
  },
};

// deliberate are differences that are no bugs of the old server's.
export const deliberate = {
  "OnError isn't told of an orderly end": {
    "the client's": {
      scene: [...two, ["a", "Disconnect"], ["b", "hears", "a is gone"], ["a", "ends"]],
      then: toldOf(["disconnected"], ["a failed, close 1005 (no status)", "a is gone"]),
      now: toldOf(["disconnected"], ["a is gone"]),
    },
    "that of a member of a room": {
      scene: [
        ...two, ["a", "Emit", "join", "red"], ["b", "Emit", "join", "red"],
        ["a", "Disconnect"], ["b", "hears", "a is gone"], ["a", "ends"], ["b", "Emit", "say", "red"],
      ],
      then: toldOf(['joined "red"', "disconnected"], ['joined "red"', "a failed, close 1005 (no status)", "a is gone", 'said "red"']),
      now: toldOf(['joined "red"', "disconnected"], ['joined "red"', "a is gone", 'said "red"']),
    },
  },
  "what the old server dropped without a word is reported": {
    "no type": { scene: sending(`${prefix}string;`), then: livesNow(), now: failedNow('event "string"') },
    "no name": { scene: sending(`${prefix};0;x`), then: livesNow(), now: failedNow("malformed event") },
    "a type that is none": { scene: sending(`${prefix}string;5;x`), then: livesNow(), now: failedNow('event "string"') },
    "JSON that is none": { scene: sending(`${prefix}any;4;{`), then: livesNow(), now: failedNow('event "any"') },
  },
  "a type without a ';' after it is malformed": {
    "another byte there": { scene: sending(`${prefix}string;0xy`), then: livesNow(got("y")), now: failedNow('event "string"') },
  },
};
