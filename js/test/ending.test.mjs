// How the client learns that a connection has ended or can't be made, in
// browsers that say it in different ways.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { clientSource, evaluate } from "./helpers/client.mjs";

const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3];

// begin makes a connection in a browser whose WebSocket is the given one. What
// the client puts off is done by later; calls counts those of OnDisconnect.
function begin(WebSocket, address = "ws://example.com/echo") {
  const tasks = [];
  const complaints = [];
  const world = { WebSocket, setTimeout: (task) => tasks.push(task), console: { error: (error) => complaints.push(error) } };
  const ws = new (evaluate(clientSource, world))(address);
  const begun = { ws, conn: ws.conn, complaints, calls: 0, later: () => tasks.splice(0).forEach((task) => task()) };
  ws.OnDisconnect(() => begun.calls++);
  return begun;
}

// Silent is a WebSocket that does nothing on its own.
class Silent {
  readyState = CONNECTING;
  sent = [];
  send(message) { this.sent.push(message); }
  close() { this.readyState = CLOSING; }
  // say has it say something when it is in a state.
  say(what, state = this.readyState) {
    this.readyState = state;
    this[`on${what}`]({});
  }
}

describe("OnDisconnect is called once", () => {
  const ways = {
    "close alone": [["close", CLOSED]],
    "error alone": [["error", CLOSED]],
    "error alone, while it still closes": [["error", CLOSING]],
    "error and then close": [["error", CLOSED], ["close", CLOSED]],
    "error while it still closes, and then close": [["error", CLOSING], ["close", CLOSED]],
    "close and then error": [["close", CLOSED], ["error", CLOSED]],
    "everything twice": [["error", CLOSED], ["error", CLOSED], ["close", CLOSED], ["close", CLOSED]],
  };
  for (const [name, way] of Object.entries(ways)) {
    for (const stood of [false, true]) {
      test(`${name}, ${stood ? "of a connection that stood" : "before it stands"}`, () => {
        const begun = begin(Silent);
        if (stood) {
          begun.conn.say("open", OPEN);
          assert.equal(begun.ws.isReady, true);
        }
        for (const [what, state] of way) {
          begun.conn.say(what, state);
          begun.later();
          assert.equal(begun.calls, 1);
        }
        assert.equal(begun.ws.isReady, false);
      });
    }
  }

  test("an error that ends nothing is no end", () => {
    for (const state of [CONNECTING, OPEN]) {
      const begun = begin(Silent);
      begun.conn.say("error", state);
      begun.later();
      assert.equal(begun.calls, 0);
      begun.conn.say("close", CLOSED);
      assert.equal(begun.calls, 1);
    }
  });

  test("a connection that is closed from the beginning, of which nothing is said", () => {
    const begun = begin(class extends Silent { readyState = CLOSED; });
    assert.equal(begun.calls, 0);
    begun.later();
    assert.equal(begun.calls, 1);
    begun.conn.say("error");
    begun.conn.say("close");
    assert.equal(begun.calls, 1);
  });

  test("a disconnect of the page's takes as long as it takes", () => {
    for (const state of [CONNECTING, OPEN]) {
      const begun = begin(Silent);
      begun.conn.readyState = state;
      begun.ws.Disconnect();
      begun.later();
      assert.equal(begun.calls, 0);
      begun.conn.say("close", CLOSED);
      assert.equal(begun.calls, 1);
    }
  });
});

// refuses is a WebSocket whose constructor throws.
function refuses(error) {
  return class { constructor() { throw error; } };
}

describe("a connection that is refused at once", () => {
  const refusals = {
    "by the browser's policy": refuses(new DOMException("insecure", "SecurityError")),
    "by the policy of a browser without codes": refuses(Object.assign(new Error("insecure"), { name: "SecurityError" })),
    "by the policy of an old browser": refuses(Object.assign(new Error("SECURITY_ERR: DOM Exception 18"), { code: 18 })),
    "by Firefox, for the page's policy": refuses(Object.assign(new Error("The load for this content was blocked."), { name: "NS_ERROR_CONTENT_BLOCKED" })),
    "because there is no WebSocket": undefined,
  };
  for (const [name, WebSocket] of Object.entries(refusals)) {
    test(`${name}: OnDisconnect once, after listeners could be registered`, () => {
      const begun = begin(WebSocket);
      assert.equal(begun.calls, 0);
      begun.later();
      assert.equal(begun.calls, 1);
      begun.later();
      assert.equal(begun.calls, 1);
    });

    test(`${name}: what is called does nothing`, () => {
      const begun = begin(WebSocket);
      for (let i = 0; i < 2; i++) { // before the listeners are told, and after that
        begun.ws.Emit("chat", "hello");
        begun.ws.Emit("chat", Uint8Array.of(1));
        begun.ws.EmitMessage("hello");
        begun.ws.Disconnect();
        begun.later();
      }
      assert.equal(begun.calls, 1);
      assert.equal(begun.ws.isReady, false);
      assert.throws(() => begun.ws.Emit("", "hello"), /name must not be empty/);
    });
  }

  test("the console says why", () => {
    const error = new DOMException("insecure", "SecurityError");
    assert.deepEqual(begin(refuses(error)).complaints, [error]);
  });

  test("a mistake of the page's is thrown", () => {
    for (const error of [new DOMException("invalid", "SyntaxError"), new SyntaxError("invalid"), new TypeError("wrong")]) {
      assert.throws(() => begin(refuses(error)), (thrown) => thrown === error);
    }
  });
});

describe("a listener that comes after the end", () => {
  test("is called at once, as often as it was registered", () => {
    const begun = begin(Silent);
    begun.conn.say("close", CLOSED);
    let late = 0;
    begun.ws.OnDisconnect(() => late++);
    assert.equal(late, 1);
    begun.conn.say("error");
    assert.equal(late, 1);
    assert.equal(begun.calls, 1);
  });

  test("is called once if another one registers it", () => {
    const begun = begin(Silent);
    let inner = 0;
    begun.ws.OnDisconnect(() => begun.ws.OnDisconnect(() => inner++));
    begun.conn.say("close", CLOSED);
    assert.equal(inner, 1);
  });

  test("is called at once where there never was a connection", () => {
    const begun = begin(undefined);
    begun.later();
    let late = 0;
    begun.ws.OnDisconnect(() => late++);
    assert.equal(late, 1);
  });

  test("is not called before the end", () => {
    const begun = begin(Silent);
    begun.conn.say("open", OPEN);
    assert.equal(begun.calls, 0);
    begun.ws.Disconnect();
    begun.ws.OnDisconnect(() => begun.calls++);
    assert.equal(begun.calls, 0);
    begun.conn.say("close", CLOSED);
    assert.equal(begun.calls, 2);
  });
});

test("what was not sent by the end is lost", () => {
  const begun = begin(Silent);
  begun.ws.EmitMessage("early");
  begun.conn.say("error", CLOSED);
  assert.equal(begun.ws.unsent.length, 0);
  assert.deepEqual(begun.conn.sent, []);
});
