// Tests of the browser client in Node, against a real server.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { clientSource, disconnected, evaluate, fetchScript, inbox, opened, Ws } from "./helpers/client.mjs";
import { root, startTestServer } from "./helpers/go.mjs";

const vectors = JSON.parse(readFileSync(join(root, "internal/wire/testdata/vectors.json"), "utf8"));
const prefix = "iris-websocket-message:";

let server;
let scripts; // the Ws of each script that the server serves, by its prefix
const connections = [];

before(async () => {
  server = await startTestServer();
  const other = await fetchScript(`${server.url}/my-app/iris-ws.js`);
  const page = { protocol: "http:", host: server.host };
  scripts = {
    [prefix]: Ws,
    "my-app:": evaluate(other, { WebSocket, TextEncoder, TextDecoder, location: page }, `${server.url}/my-app/iris-ws.js`),
  };
});

after(async () => {
  connections.forEach((ws) => ws.Disconnect());
  await server?.stop();
});

// connect begins a connection, which after ends.
function connect(path = "/echo", Client = Ws) {
  const ws = new Client(`ws://${server.host}${path}`);
  connections.push(ws);
  return ws;
}

// roundTrip resolves when everything sent to the connection so far has arrived.
async function roundTrip(ws) {
  const id = inbox(ws, "id");
  ws.Emit("who am I");
  return id.take();
}

// text reads what a binary message holds.
function text(bytes) {
  return new TextDecoder().decode(bytes);
}

describe("golden vectors", () => {
  // codec has the methods that encode and decode, which need no connection.
  const codec = (vector) => scripts[vector.prefix ?? prefix].prototype;

  test("there are some of each kind", () => {
    assert.ok(vectors.events.some((vector) => "js" in vector));
    assert.ok(vectors.events.some((vector) => vector.jsUndefined));
    assert.ok(vectors.events.some((vector) => vector.prefix === "my-app:"));
    assert.ok(vectors.native.length > 0 && vectors.malformed.length > 0);
  });

  for (const vector of vectors.events) {
    if ("js" in vector || vector.jsUndefined) {
      test(`encode ${vector.name}`, () => {
        assert.equal(codec(vector).encodeMessage(vector.event, vector.js), vector.message);
      });
    }
    if (vector.type === 3) {
      test(`encode ${vector.name} to a binary message`, () => {
        const payload = new TextEncoder().encode(vector.payload);
        assert.equal(text(codec(vector).encodeMessage(vector.event, payload)), vector.message);
        assert.equal(text(codec(vector).encodeMessage(vector.event, payload.buffer)), vector.message);
      });
    }
    test(`decode ${vector.name}`, () => {
      assert.equal(codec(vector).getWebsocketCustomEvent(vector.message), vector.event);
      assert.equal(codec(vector).getCustomMessage(vector.event, vector.message), vector.payload);
    });
  }

  for (const message of vectors.native) {
    test(`native ${JSON.stringify(message)}`, () => {
      assert.equal(Ws.prototype.getWebsocketCustomEvent(message), "");
      assert.equal(Ws.prototype.getCustomMessage("chat", message), "");
    });
  }

  for (const { message, why } of vectors.malformed) {
    test(`malformed ${message}: ${why}`, () => {
      const { getWebsocketCustomEvent, getCustomMessage, decodeMessage } = Ws.prototype;
      // One with a type that is none is an event all the same: clients to come
      // may know more types. Anything else is none.
      const isEvent = why === "unknown type";
      assert.equal(getWebsocketCustomEvent(message), isEvent ? "chat" : "");
      assert.equal(getCustomMessage("chat", message), isEvent ? "x" : "");
      assert.equal(decodeMessage("chat", message), null);
    });
  }

  test("an event of one prefix is native to a client with another", () => {
    assert.equal(scripts["my-app:"].prototype.getWebsocketCustomEvent(`${prefix}chat;0;x`), "");
    assert.equal(Ws.prototype.getWebsocketCustomEvent("my-app:chat;0;x"), "");
  });

  test("decodeMessage reads each type", () => {
    const decode = (event, payload) => Ws.prototype.decodeMessage(event, `${prefix}${event};${payload}`);
    assert.equal(decode("a", "0;text"), "text");
    assert.equal(decode("a", "1;42"), 42);
    assert.equal(decode("a", "2;true"), true);
    assert.equal(decode("a", "2;false"), false);
    assert.equal(decode("a", "3;abc"), "abc");
    assert.deepEqual(decode("a", '4;{"b":[1]}'), { b: [1] });
    assert.equal(Ws.prototype.decodeMessage("another", `${prefix}a;0;text`), null);
  });

  test("what can't be sent is refused with a reason", () => {
    const encode = (event, data) => () => Ws.prototype.encodeMessage(event, data);
    assert.throws(encode("", "x"), /name must not be empty/);
    assert.throws(encode("a;b", "x"), /must not contain a ';'/);
    assert.throws(encode("a", () => {}), /a function can't be sent/);
    assert.throws(encode("a", Symbol("s")), /a symbol can't be sent/);
    assert.throws(encode("a", new Blob(["x"])), /Blob/);
  });

  test("binary messages are the same where there is no TextEncoder", () => {
    const old = evaluate(clientSource, { Uint8Array, ArrayBuffer }).prototype;
    const bytes = Uint8Array.of(0, 128, 255);
    const expected = Ws.prototype.encodeMessage("größe 👋", bytes);
    assert.deepEqual([...old.encodeMessage("größe 👋", bytes)], [...expected]);
  });
});

describe("events", () => {
  // What the handler of each type receives, and the text of its echo.
  const cases = [
    ["as string", "hello", "string:hello", "hello"],
    ["as string", "γειά; σου 👋", "string:γειά; σου 👋", "γειά; σου 👋"],
    ["as string", "007", "string:007", "007"],
    ["as string", 42, "string:42", "42"],
    ["as string", true, "string:true", "true"],
    ["as string", undefined, "string:", ""],
    ["as int", 42, "int:42", "42"],
    ["as int", -7, "int:-7", "-7"],
    ["as int", "007", "int:7", "7"],
    ["as int", undefined, "int:0", "0"],
    ["as bool", true, "bool:true", "true"],
    ["as bool", false, "bool:false", "false"],
    ["as bytes", "abc", "[]uint8:[97 98 99]", "abc"],
    ["as any", "hello", "string:hello", "hello"],
    ["as any", 42, "int:42", "42"],
    ["as any", "007", "int:7", "7"],
    ["as any", 1.5, "float64:1.5", "1.5"],
    ["as any", false, "bool:false", "false"],
    ["as any", { a: 1 }, "map[string]interface {}:map[a:1]", '{"a":1}'],
    ["as any", [1, "2"], "[]interface {}:[1 2]", '[1,"2"]'],
    ["as any", null, "<nil>:<nil>", "null"],
  ];

  for (const [event, data, expected, echoed] of cases) {
    test(`${event}: ${JSON.stringify(data)}`, async () => {
      const ws = connect();
      const seen = inbox(ws, "seen");
      const echo = inbox(ws, "echo");
      ws.Emit(event, data);
      assert.equal(await seen.take(), expected);
      assert.equal(await echo.take(), echoed); // never decoded, whatever its type
    });
  }

  test("a payload of the wrong type reaches OnError of the server alone", async () => {
    const ws = connect();
    const rejected = inbox(ws, "rejected");
    const seen = inbox(ws, "seen");
    ws.Emit("as int", "many");
    assert.match(await rejected.take(), /"as int": "many", sent as string .*int/);
    assert.deepEqual(seen.drain(), []);
  });

  test("each of several listeners is called, in order", async () => {
    const ws = connect();
    const calls = [];
    ws.On("seen", (message) => calls.push(`first ${message}`));
    ws.On("seen", (message) => calls.push(`second ${message}`));
    ws.On("other", (message) => calls.push(`never ${message}`));
    ws.Emit("as int", 1);
    await roundTrip(ws);
    assert.deepEqual(calls, ["first int:1", "second int:1"]);
  });

  test("an event named like a method of objects needs a listener like any other", async () => {
    const ws = connect();
    ws.Emit("send", `${prefix}constructor;0;x`);
    await roundTrip(ws);
    const messages = inbox(ws, "constructor");
    ws.Emit("send", `${prefix}constructor;0;y`);
    assert.equal(await messages.take(), "y");
  });

  test("a listener that throws keeps no other from being called, and is seen", async () => {
    const program = fileURLToPath(new URL("helpers/throwing-listener.mjs", import.meta.url));
    const address = `ws://${server.host}/echo`;
    const { stdout } = await promisify(execFile)(process.execPath, [program, address], { timeout: 15_000 });
    assert.deepEqual(JSON.parse(stdout), {
      received: ["string:one", "string:two"],
      errors: ["the first listener fails", "the first listener fails"],
    });
  });

  test("a malformed message is native, unless only its type is unknown", () => {
    for (const encode of [(text) => text, (text) => new TextEncoder().encode(text).buffer]) {
      for (const { message, why } of vectors.malformed) {
        const ws = Object.assign(Object.create(Ws.prototype), { messageListeners: {}, nativeMessageListeners: [] });
        const heard = [];
        ws.On("chat", (payload) => heard.push(["event", payload]));
        ws.OnMessage((native) => heard.push(["native", typeof native === "string" ? native : text(native)]));
        ws.messageReceivedFromConn({ data: encode(message) });
        assert.deepEqual(heard, [why === "unknown type" ? ["event", "x"] : ["native", message]], message);
      }
    }
  });

  test("malformed messages do no harm on their way in", async () => {
    for (const path of ["/echo", "/binary"]) {
      const ws = connect(path);
      for (const { message } of vectors.malformed) {
        ws.Emit("send", message);
      }
      assert.notEqual(await roundTrip(ws), "");
    }
  });
});

describe("bytes", () => {
  const bytes = Uint8Array.of(0, 127, 128, 255); // no UTF-8

  test("an ArrayBuffer and its views arrive as bytes and come back as an ArrayBuffer", async () => {
    const whole = Uint8Array.of(9, ...bytes, 9);
    const views = [bytes.buffer, bytes, whole.subarray(1, 5), new DataView(whole.buffer, 1, 4)];
    for (const event of ["as bytes", "as any"]) {
      for (const data of views) {
        const ws = connect();
        const seen = inbox(ws, "seen");
        const echo = inbox(ws, "echo");
        ws.Emit(event, data);
        assert.equal(await seen.take(), "[]uint8:[0 127 128 255]");
        const answer = await echo.take();
        assert.ok(answer instanceof ArrayBuffer);
        assert.deepEqual(new Uint8Array(answer), bytes);
      }
    }
  });

  test("bytes that are text come back as text", async () => {
    const ws = connect();
    const echo = inbox(ws, "echo");
    ws.Emit("as bytes", new TextEncoder().encode("größe"));
    assert.equal(await echo.take(), "größe");
  });

  test("a func(string) takes bytes that are text", async () => {
    const ws = connect();
    const seen = inbox(ws, "seen");
    ws.Emit("as string", new TextEncoder().encode("größe"));
    assert.equal(await seen.take(), "string:größe");
  });

  test("a server with BinaryMessages", async () => {
    const ws = connect("/binary");
    const seen = inbox(ws, "seen");
    const echo = inbox(ws, "echo");
    ws.Emit("as string", "γειά σου 👋");
    assert.equal(await seen.take(), "string:γειά σου 👋");
    assert.equal(await echo.take(), "γειά σου 👋");
    ws.Emit("as any", { a: 1 });
    assert.equal(await seen.take(), "map[string]interface {}:map[a:1]");
    assert.equal(await echo.take(), '{"a":1}');
    ws.Emit("as bytes", "abc");
    assert.equal(await seen.take(), "[]uint8:[97 98 99]");
    assert.equal(text(await echo.take()), "abc");
  });
});

describe("native messages", () => {
  test("text comes back to every OnMessage as text", async () => {
    const ws = connect();
    const first = inbox(ws);
    const second = inbox(ws);
    for (const message of ["", "hello", "42", '{"json":true}', "γειά σου 👋", `x${prefix}chat;0;hi`]) {
      ws.EmitMessage(message);
      assert.equal(await first.take(), message);
      assert.equal(await second.take(), message);
    }
  });

  test("an ArrayBuffer comes back as one", async () => {
    const ws = connect();
    const messages = inbox(ws);
    ws.EmitMessage(Uint8Array.of(1, 2, 255).buffer);
    assert.deepEqual(await messages.take(), Uint8Array.of(1, 2, 255).buffer);
  });

  test("a server with BinaryMessages answers with an ArrayBuffer", async () => {
    const ws = connect("/binary");
    const messages = inbox(ws);
    ws.EmitMessage("hello");
    const answer = await messages.take();
    assert.ok(answer instanceof ArrayBuffer);
    assert.equal(text(answer), "hello");
  });

  test("they reach no listener of events, nor events OnMessage", async () => {
    const ws = connect();
    const natives = inbox(ws);
    const chat = inbox(ws, "chat");
    for (const message of vectors.native) {
      ws.Emit("send", message);
    }
    ws.Emit("send", `${prefix}chat;0;hi`);
    await roundTrip(ws);
    assert.deepEqual(natives.drain(), vectors.native);
    assert.deepEqual(chat.drain(), ["hi"]);
  });
});

describe("the life of a connection", () => {
  test("OnConnect is called whether registered before or after", async () => {
    const ws = connect();
    let calls = 0;
    ws.OnConnect(() => calls++);
    assert.equal(calls, 0);
    await opened(ws);
    assert.equal(calls, 1);
    await roundTrip(ws);
    ws.OnConnect(() => (calls += 10));
    assert.equal(calls, 11);
    await roundTrip(ws);
    assert.equal(calls, 11);
  });

  test("what is sent before the connection stands arrives, and in order", async () => {
    const ws = connect();
    const echo = inbox(ws, "echo");
    const natives = inbox(ws);
    const expected = [];
    assert.equal(ws.conn.readyState, WebSocket.CONNECTING);
    for (let i = 0; i < 100; i++) {
      ws.Emit("as int", i);
      ws.EmitMessage(`native ${i}`);
      expected.push(i);
    }
    ws.OnConnect(() => ws.Emit("as int", 100));
    await opened(ws);
    ws.Emit("as int", 101);
    await roundTrip(ws);
    assert.deepEqual(echo.drain(), [...expected, 100, 101].map(String));
    assert.deepEqual(natives.drain(), expected.map((i) => `native ${i}`));
  });

  test("the server disconnects: OnDisconnect once", async () => {
    const ws = connect();
    let calls = 0;
    ws.OnDisconnect(() => calls++);
    ws.Emit("kick");
    await disconnected(ws);
    ws.Disconnect();
    ws.Emit("as string", "nobody is there"); // must not throw
    await roundTrip(connect());
    assert.equal(calls, 1);
    assert.equal(ws.isReady, false);
  });

  test("the client disconnects: OnDisconnect once, and the server knows", async () => {
    const witness = connect();
    const left = inbox(witness, "left");
    await roundTrip(witness); // so it is in before the other is out
    const ws = connect();
    let calls = 0;
    ws.OnDisconnect(() => calls++);
    const id = await roundTrip(ws);
    ws.Disconnect();
    ws.Disconnect();
    await disconnected(ws);
    await sentenceAbout(left, id, "websocket: the client closed the connection without a code");
    await roundTrip(witness);
    assert.equal(calls, 1);
  });

  // Other tests' connections end meanwhile, and are in the inbox too.
  async function sentenceAbout(left, id, reason) {
    let sentence;
    do {
      sentence = await left.take();
    } while (!sentence.startsWith(id));
    assert.equal(sentence, `${id}: ${reason}`);
  }
});

describe("another prefix", () => {
  test("the server's own script speaks it", async () => {
    const Other = scripts["my-app:"];
    const ws = new Other(); // it knows the endpoint as well
    connections.push(ws);
    assert.equal(ws.conn.url, `ws://${server.host}/my-app`);
    const seen = inbox(ws, "seen");
    ws.Emit("as int", 42);
    assert.equal(await seen.take(), "int:42");
  });

  test("the default script's events are native messages there", async () => {
    const ws = connect("/my-app");
    const natives = inbox(ws);
    const seen = inbox(ws, "seen");
    ws.EmitMessage(`${prefix}other;0;x`);
    ws.EmitMessage("my-app:as int;1;42");
    assert.equal(await natives.take(), "my-app:seen;0;int:42");
    assert.equal(await natives.take(), "my-app:echo;1;42");
    assert.deepEqual(seen.drain(), []);
  });
});

describe("the address", () => {
  // What pages know of themselves. Only those that came over http or https have
  // a host in their location; of others, the origin says where they belong.
  const http = { name: "http", location: { protocol: "http:", host: "example.com:8080", origin: "http://example.com:8080" }, origin: "http://example.com:8080" };
  const https = { name: "https", location: { protocol: "https:", host: "example.com", origin: "https://example.com" }, origin: "https://example.com" };
  const local = { name: "local https", location: { protocol: "https:", host: "localhost:8443", origin: "https://localhost:8443" }, origin: "https://localhost:8443" };
  const blank = { name: "about:blank of http", location: { protocol: "about:", host: "", origin: "null" }, origin: "http://example.com:8080" };
  const srcdoc = { name: "about:srcdoc of https", location: { protocol: "about:", host: "", origin: "null" }, origin: "https://example.com" };
  const blob = { name: "blob: of https", location: { protocol: "blob:", host: "", origin: "https://example.com" }, origin: "https://example.com" };
  const opaque = { name: "opaque about:srcdoc", location: { protocol: "about:", host: "", origin: "null" }, origin: "null" };
  const data = { name: "data:", location: { protocol: "data:", host: "", origin: "null" }, origin: "null" };
  const file = { name: "file:", location: { protocol: "file:", host: "", origin: "null" }, origin: "null" };
  const extension = { name: "extension", location: { protocol: "chrome-extension:", host: "abc", origin: "chrome-extension://abc" }, origin: "chrome-extension://abc" };
  const sandboxed = { ...https, name: "sandboxed https", origin: "null" };
  const old = { name: "http, in a browser that knows no origins", location: { protocol: "http:", host: "example.com:8080" } };
  const oldBlob = { name: "blob: of https, where self.origin is unknown", location: blob.location };
  const named = { ...http, name: "http, with a variable named origin", origin: "https://elsewhere.example" };
  const namedBlob = { ...blob, name: "blob: of https, with a variable named origin", origin: "https://elsewhere.example" };
  const nowhere = { name: "no page" };
  let served;

  before(async () => {
    served = await fetchScript(`${server.url}/iris-ws.js`);
  });

  // addressOf returns what the WebSocket of a page would be opened with. The
  // script is a src of a script element's, the module an address that only the
  // stack shows.
  function addressOf(source, page, address, { script, element = { src: script, tagName: "SCRIPT" }, module, protocols, console } = {}) {
    const opened = [];
    class WebSocket {
      constructor(...passed) {
        opened.push(passed);
      }
    }
    const document = { currentScript: element.src ? element : null };
    const { location, origin } = page;
    const Recorded = evaluate(source, { WebSocket, location, origin, document, ...console && { console } }, module);
    new Recorded(address, protocols);
    assert.equal(opened.length, 1);
    return protocols ? opened[0] : opened[0][0];
  }

  const given = [
    // An address is taken as it is.
    [http, "ws://example.com:8080/chat", "ws://example.com:8080/chat"],
    [http, "wss://example.com/chat?a=b", "wss://example.com/chat?a=b"],
    [http, "ws://other.example/", "ws://other.example/"],
    [http, "http://example.com/chat", "ws://example.com/chat"],
    [http, "https://example.com/chat", "wss://example.com/chat"],
    [https, "https://example.com/chat", "wss://example.com/chat"],
    [https, "wss://example.com/chat", "wss://example.com/chat"],
    [http, "ws://Example.com/Chat", "ws://Example.com/Chat"],
    [file, "ws://example.com/chat", "ws://example.com/chat"],
    [nowhere, "ws://example.com/chat", "ws://example.com/chat"],
    [opaque, "wss://example.com/chat", "wss://example.com/chat"],
    [http, "ws://example.com", "ws://example.com"],
    [http, "ws://example.com?a=b", "ws://example.com?a=b"],
    [http, "ftp://example.com/chat", "ftp://example.com/chat"], // for the browser to refuse
    // The case of its scheme says nothing.
    [http, "WS://Example.com/chat", "ws://Example.com/chat"],
    [http, "HTTPS://example.com/chat", "wss://example.com/chat"],
    [https, "WS://example.com/chat", "wss://example.com/chat"],
    [https, "Http://example.com/chat", "wss://example.com/chat"],
    [https, "WSS://example.com/chat", "wss://example.com/chat"],
    [https, "WS://localhost:9000/chat", "ws://localhost:9000/chat"],
    // What templates leave around it doesn't matter.
    [http, " ws://example.com/chat\n", "ws://example.com/chat"],
    [http, "\n/chat ", "ws://example.com:8080/chat"],
    // A secure page opens secure connections only, save to its own machine.
    [https, "ws://example.com/chat", "wss://example.com/chat"],
    [https, "http://example.com/chat", "wss://example.com/chat"],
    [https, "ws://other.example:8080/chat", "wss://other.example:8080/chat"],
    [https, "ws://localhost:9000/chat", "ws://localhost:9000/chat"],
    [https, "ws://chat.localhost/chat", "ws://chat.localhost/chat"],
    [https, "ws://127.0.0.1:9000/chat", "ws://127.0.0.1:9000/chat"],
    [https, "ws://[::1]:9000/chat", "ws://[::1]:9000/chat"],
    [https, "http://localhost:9000/chat", "ws://localhost:9000/chat"],
    [https, "ws://localhost.example.com/chat", "wss://localhost.example.com/chat"],
    [https, "ws://127.0.0.1.example.com/chat", "wss://127.0.0.1.example.com/chat"],
    // So does one that belongs to a secure page.
    [srcdoc, "ws://example.com/chat", "wss://example.com/chat"],
    [srcdoc, "other.example/chat", "wss://other.example/chat"],
    [srcdoc, "ws://localhost:9000/chat", "ws://localhost:9000/chat"],
    [blob, "ws://example.com/chat", "wss://example.com/chat"],
    [blank, "ws://example.com/chat", "ws://example.com/chat"],
    [sandboxed, "ws://example.com/chat", "wss://example.com/chat"],
    // The page's own host speaks TLS, whatever its name.
    [local, "ws://localhost:8443/chat", "wss://localhost:8443/chat"],
    [local, "ws://LocalHost:8443/chat", "wss://LocalHost:8443/chat"],
    [local, "ws://localhost:9000/chat", "ws://localhost:9000/chat"],
    // A path is one of the page's host, or of the page's that it belongs to.
    [http, "/chat", "ws://example.com:8080/chat"],
    [https, "/chat?a=b", "wss://example.com/chat?a=b"],
    [https, "/chat?a=http://b//c", "wss://example.com/chat?a=http://b//c"],
    [http, "/", "ws://example.com:8080/"],
    [blank, "/chat", "ws://example.com:8080/chat"],
    [srcdoc, "/chat", "wss://example.com/chat"],
    [blob, "/chat", "wss://example.com/chat"],
    [oldBlob, "/chat", "wss://example.com/chat"],
    [sandboxed, "/chat", "wss://example.com/chat"],
    [old, "/chat", "ws://example.com:8080/chat"],
    [named, "/chat", "ws://example.com:8080/chat"],
    [namedBlob, "/chat", "wss://example.com/chat"],
    // What has no scheme and no leading slash begins with the host.
    [http, "other.example/chat", "ws://other.example/chat"],
    [https, "other.example/chat", "wss://other.example/chat"],
    [http, "localhost:9000/chat", "ws://localhost:9000/chat"],
    [https, "localhost:9000/chat", "wss://localhost:9000/chat"],
    [http, "[::1]:9000/chat", "ws://[::1]:9000/chat"],
    [http, "ws", "ws://ws"],
    [http, "other.example?a=http://b", "ws://other.example?a=http://b"],
    [http, "//other.example/chat", "ws://other.example/chat"],
    [https, "//other.example/chat", "wss://other.example/chat"],
    [blob, "//other.example/chat", "wss://other.example/chat"],
    [file, "other.example/chat", "ws://other.example/chat"],
    [opaque, "//other.example/chat", "ws://other.example/chat"],
    // A fragment is for pages. Older browsers throw where there is one.
    [http, "/chat#here", "ws://example.com:8080/chat"],
    [http, "/chat?a=b#here?c", "ws://example.com:8080/chat?a=b"],
    [http, "ws://example.com/chat#", "ws://example.com/chat"],
    [https, "other.example#here", "wss://other.example"],
  ];

  for (const [page, address, expected] of given) {
    test(`${JSON.stringify(address)} on ${page.name}`, () => {
      assert.equal(addressOf(clientSource, page, address), expected);
    });
  }

  test("a word alone is a host, and the console asks for the slash", () => {
    const said = [];
    const console = { warn: (text) => said.push(text) };
    for (const address of ["ws", "my-endpoint", "/ws", "ws:80", "other.example", "ws/chat", "ws://ws"]) {
      addressOf(clientSource, http, address, { console });
    }
    assert.deepEqual(said, ['Ws: "ws" is a host. Is it "/ws"?', 'Ws: "my-endpoint" is a host. Is it "/my-endpoint"?']);
  });

  test("an object that is an address", () => {
    assert.equal(addressOf(clientSource, http, new URL("http://example.com/chat")), "ws://example.com/chat");
  });

  const byScript = [
    // Where the page has no address, the script may have one.
    [file, "/chat", "http://localhost:8080/iris-ws.js", "ws://localhost:8080/chat"],
    [file, "/chat", "https://example.com/a/iris-ws.js?v=3", "wss://example.com/chat"],
    [data, "/chat?a=b", "https://example.com/iris-ws.js", "wss://example.com/chat?a=b"],
    [opaque, "/chat", "https://example.com/iris-ws.js", "wss://example.com/chat"],
    [extension, "/chat", "https://example.com/iris-ws.js", "wss://example.com/chat"],
    // Where it has one, that is it.
    [http, "/chat", "https://cdn.example/iris-ws.js", "ws://example.com:8080/chat"],
    [srcdoc, "/chat", "https://cdn.example/iris-ws.js", "wss://example.com/chat"],
    // A host that served the script with TLS has it for connections, too. That
    // says nothing about other hosts.
    [opaque, "example.com/chat", "https://example.com/iris-ws.js", "wss://example.com/chat"],
    [opaque, "ws://example.com/chat", "https://example.com/iris-ws.js", "wss://example.com/chat"],
    [file, "ws://192.168.0.2/chat", "https://example.com/iris-ws.js", "ws://192.168.0.2/chat"],
    [file, "192.168.0.2/chat", "https://example.com/iris-ws.js", "ws://192.168.0.2/chat"],
  ];

  for (const [page, address, script, expected] of byScript) {
    test(`${address} on ${page.name}, the script from ${script}`, () => {
      assert.equal(addressOf(clientSource, page, address, { script }), expected);
      assert.equal(addressOf(clientSource, page, address, { module: script }), expected);
    });
  }

  for (const page of [file, data, opaque, extension, nowhere]) {
    for (const script of [undefined, "file:///home/iris-ws.js"]) {
      test(`/chat on ${page.name}, the script from ${script}: nobody knows where that is`, () => {
        const open = (options) => () => addressOf(clientSource, page, "/chat", options);
        assert.throws(open({ script }), /"\/chat".*pass a whole address, such as new Ws\("wss:\/\/example.com\/ws"\)/);
        assert.throws(open({ module: script }), /pass a whole address/);
      });
    }
  }

  // What a page that has no host makes of "ws://" + location.host + "/chat", for
  // which browsers take the path for a host; and what would be a path elsewhere.
  for (const address of ["ws:///chat", "wss:///chat", "http:///chat", "///chat", "ws://?a=b", "ws://", "./chat", "../chat", ".", "//./chat"]) {
    test(`${address} has no host`, () => {
      assert.throws(() => addressOf(clientSource, http, address), /no host.*pass a whole address, such as new Ws\("wss:\/\/example.com\/ws"\)/);
    });
  }

  const own = [
    // The host that the script came from, with the scheme that it came with.
    [http, "http://example.com:8080/iris-ws.js", "ws://example.com:8080/echo"],
    [https, "https://example.com/iris-ws.js?v=3", "wss://example.com/echo"],
    [http, "https://chat.example/iris-ws.js", "wss://chat.example/echo"],
    [file, "http://localhost:8080/iris-ws.js", "ws://localhost:8080/echo"],
    [srcdoc, "https://example.com/iris-ws.js", "wss://example.com/echo"],
    [opaque, "https://example.com/iris-ws.js", "wss://example.com/echo"],
    // Whatever stands before the server in the paths stands before both.
    [https, "https://example.com/behind/a/proxy/iris-ws.js", "wss://example.com/behind/a/proxy/echo"],
    [https, "https://example.com/behind/a/proxy/iris-ws.js?v=3", "wss://example.com/behind/a/proxy/echo"],
    [https, "https://example.com/behind/iris-ws.js?from=/iris-ws.js", "wss://example.com/behind/echo"],
    [blob, "https://example.com/behind/iris-ws.js", "wss://example.com/behind/echo"],
    [file, "http://[::1]:8080/behind/iris-ws.js", "ws://[::1]:8080/behind/echo"],
    // A copy of the script is taken for one of the page's own server.
    [https, "https://example.com/bundle.js", "wss://example.com/echo"],
    [http, "http://example.com:8080/js/bundle.js?v=3", "ws://example.com:8080/echo"],
  ];

  for (const [page, script, expected] of own) {
    for (const address of [undefined, "", null, "#", " "]) {
      test(`${JSON.stringify(address)} on ${page.name}, the script from ${script}`, () => {
        assert.equal(addressOf(served, page, address, { script }), expected);
        assert.equal(addressOf(served, page, address, { module: script }), expected);
      });
    }
    test(`a query on ${page.name}, the script from ${script}`, () => {
      assert.equal(addressOf(served, page, "?room=1#here", { script }), `${expected}?room=1`);
    });
  }

  const unknown = [
    [http, undefined],
    [https, undefined],
    [file, undefined],
    [nowhere, undefined],
    [https, "https://cdn.example/bundle.js"],
    [file, "https://cdn.example/bundle.js"],
    [opaque, "https://cdn.example/iris-ws.js.txt"],
  ];

  for (const [page, script] of unknown) {
    test(`nothing on ${page.name}, the script from ${script}: nobody knows where the server is`, () => {
      for (const address of [undefined, "?room=1"]) {
        assert.throws(() => addressOf(served, page, address, { script }), /pass a whole address, such as new Ws\("wss:\/\/example.com\/ws"\)/);
        assert.throws(() => addressOf(served, page, address, { module: script }), /pass a whole address/);
      }
    });
  }

  test("the path of the script may be written in other letters than its address", () => {
    const greek = served.replace('SCRIPT_PATH = "/iris-ws.js"', 'SCRIPT_PATH = "/σενάριο 1.js"');
    const script = new URL("https://example.com/behind/σενάριο 1.js").href;
    assert.equal(addressOf(greek, https, "", { script }), "wss://example.com/behind/echo");
  });

  test("the stacks of other browsers", () => {
    const address = "http://example.com:8080/behind/iris-ws.js";
    const stacks = {
      Chromium: `Error\n    at addressOfScript (${address}:30:13)\n    at ${address}:24:16\n    at http://example.com:8080/app.js:1:1`,
      Firefox: `addressOfScript@${address}:30:13\n@${address}:24:16\n@http://example.com:8080/app.js:1:1\n`,
      Safari: `addressOfScript@${address}:30:22\n@${address}:24:31\nmodule code@${address}:409:2`,
      "Internet Explorer": `Error\n   at addressOfScript (${address}:30:7)\n   at Anonymous function (${address}:24:3)`,
      "of a worker": `Error\n    at ${address}?v=3:24:16\n    at importScripts (<anonymous>)\n    at blob:http://example.com:8080/0-1:1:1`,
    };
    for (const [name, stack] of Object.entries(stacks)) {
      const error = `Error = function () { return { stack: ${JSON.stringify(stack)} }; };\n`;
      assert.equal(addressOf(error + served, blank, ""), "ws://example.com:8080/behind/echo", name);
    }
    for (const stack of [undefined, null, "", 'Error\n    at eval (eval at <anonymous> (http://elsewhere.example/app.js:1:1), <anonymous>:24:16)']) {
      const error = `var Own = Error; Error = function (message) { return message ? new Own(message) : { stack: ${JSON.stringify(stack)} }; };\n`;
      assert.throws(() => addressOf(error + served, blank, ""), /pass a whole address/, String(stack));
    }
  });

  test("a picture named currentScript is not where the script came from", () => {
    const element = { src: "https://elsewhere.example/iris-ws.js", tagName: "IMG" };
    assert.equal(addressOf(served, https, "", { element, module: "https://example.com/iris-ws.js" }), "wss://example.com/echo");
  });

  test("nothing, and the script knows no endpoint", () => {
    assert.throws(() => addressOf(clientSource, http, ""), /no endpoint given/);
    assert.throws(() => addressOf(clientSource, http, "?room=1"), /no endpoint given/);
  });

  test("subprotocols are passed on", () => {
    const passed = addressOf(clientSource, http, "/chat", { protocols: ["a", "b"] });
    assert.deepEqual(passed, ["ws://example.com:8080/chat", ["a", "b"]]);
  });
});
