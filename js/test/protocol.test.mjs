// The wire of a client, against a server that the test plays.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { makeWorld, plain, settle } from "./helpers/world.mjs";

// connected makes a world whose client was welcomed.
async function connected(options) {
  const world = makeWorld(options);
  await world.welcome();
  return world;
}

const codes = async (asked) => (await Promise.allSettled(asked)).map(({ reason, value }) => reason ? [reason.code, reason.data && reason.data.taken] : value);

describe("hello", () => {
  test("a new session, its resume, and another one", async () => {
    const world = makeWorld({ options: { token: "T" } });
    await settle();
    assert.equal(world.newest().protocols, "iris-ws.2");
    assert.equal(world.newest().binaryType, "arraybuffer");
    world.newest().onopen();
    assert.deepEqual(world.hello(), { r: 0, n: 1, t: "T" });
    await world.welcome();
    world.say("a;0;");
    world.say(";n;x");
    world.say(";p;");
    await world.close();
    await world.advance(2000);
    world.newest().onopen();
    assert.deepEqual(world.hello(), { s: "S", k: "K", r: 2, n: 3, t: "T" }); // welcome has opened the first socket, too
    world.ws.disconnect();
    world.ws.connect();
    await settle();
    world.newest().onopen();
    assert.deepEqual(world.hello(), { r: 0, n: 4, t: "T" });
  });

  test("nothing is sent before the welcome", async () => {
    const world = makeWorld();
    world.ws.emit("a", 1);
    await settle();
    world.ws.emit("b", 2);
    world.newest().onopen();
    assert.equal(world.newest().sent.length, 1);
    const socket = await world.welcome();
    assert.deepEqual(socket.sent.slice(2), ["a;1;1", "b;1;2"]);
  });
});

describe("counts of the client", () => {
  test("after 64 messages at the latest, of all counted kinds", async () => {
    for (const message of ["a;0;", ";n;", ";r499;1", ";e99;{}"]) {
      const world = await connected();
      let sent = 0;
      while (world.newest().sent.length === 1) {
        world.say(message);
        sent++;
      }
      assert.ok(sent > 32 && sent <= 64, sent);
      assert.deepEqual(world.newest().sent.slice(1), [`;a;${sent}`]);
    }
  });

  test("after 65,536 bytes at the latest", async () => {
    const world = await connected();
    world.say(`a;0;${"x".repeat(21_000)}`);
    assert.equal(world.newest().sent.length, 1);
    world.say(`a;0;${"π".repeat(1_000)}`);
    assert.deepEqual(world.newest().sent.slice(1), [";a;2"]);
    world.say(new TextEncoder().encode(`a;3;${"x".repeat(65_536)}`).buffer);
    assert.deepEqual(world.newest().sent.slice(2), [";a;3"]);
  });

  test("for each ping; what isn't counted doesn't count", async () => {
    const world = await connected();
    for (const message of [";a;0", ";g;{\"within\":5}", ";c5;", ";p;", "a;0;", ";p;", "bad;1;x", ";p;"]) {
      world.say(message);
    }
    assert.deepEqual(world.newest().sent.slice(1), [";a;0", ";a;1", ";a;2"]);
    assert.deepEqual(plain(world.told.drain.drain()), [{ within: 5 }]);
    assert.equal(world.told.error.drain().length, 1);
  });

  test("the hello tells the count, too: what came before it is no more due", async () => {
    const world = await connected();
    for (let i = 0; i < 40; i++) {
      world.say("a;0;");
    }
    await world.close();
    await world.advance(2000);
    const socket = await world.welcome({ resumed: true, received: 0 });
    for (let i = 0; i < 40; i++) {
      world.say("a;0;");
    }
    assert.equal(world.hello().r, 40);
    assert.deepEqual(socket.sent.slice(1), []);
  });

  test("a message counts before its handler runs", async () => {
    const world = await connected();
    world.ws.on("a", () => world.say(";p;"));
    world.say("a;0;");
    assert.deepEqual(world.newest().sent.slice(1), [";a;1"]);
  });
});

describe("violations end the client with 4002", () => {
  const cases = ["chat;0", "chat;00;x", ";z;x", ";h;{}", ";w;{}", ";a;1", ";a;99999999999999999999", ";r4;x", ""];
  for (const message of cases) {
    test(JSON.stringify(message), async () => {
      const world = await connected();
      world.say(message);
      assert.equal(world.newest().closed[0], 4002);
      const [{ code, willReconnect }] = world.told.disconnected.drain();
      assert.deepEqual([code, willReconnect, world.ws.state], [4002, false, "disconnected"]);
      await world.advance(100_000);
      assert.equal(world.sockets.length, 1);
    });
  }

  const welcomes = [";p;", "a;0;", ";w;", ";w;{", ";w;[]", ";w;null", ';w;{"s":"S","k":"K","resumed":true,"received":0}', ';w;{"resumed":true,"received":0}'];
  for (const message of welcomes) {
    test(`instead of a welcome: ${message}`, async () => {
      const world = makeWorld();
      await settle();
      world.newest().onopen();
      world.say(message);
      assert.equal(world.newest().closed[0], 4002);
      assert.equal(world.ws.state, "disconnected");
    });
  }

  for (const fields of [{ received: 3 }, { received: -1 }, { received: undefined }, { s: "other" }]) {
    test(`a resume with ${JSON.stringify(fields)}`, async () => {
      const world = await connected();
      world.ws.emit("a", 1);
      world.ws.emit("a", 2);
      await world.close();
      await world.advance(2000);
      await world.welcome({ resumed: true, received: 0, ...fields });
      assert.equal(world.newest().closed[0], 4002);
    });
  }
});

describe("a resume", () => {
  test("sends what the server has not received, in order, before anything newer", async () => {
    const world = await connected();
    for (const n of [1, 2, 3]) {
      world.ws.emit("a", n);
    }
    world.say(";a;1");
    await world.close();
    world.ws.emit("a", 4);
    await world.advance(2000);
    const socket = await world.welcome({ resumed: true, received: 2 });
    assert.deepEqual(socket.sent.slice(1), ["a;1;3", "a;1;4"]);
    assert.deepEqual(plain(world.told.connected.drain().at(-1)), { resumed: true });
    world.say(";a;4");
    await world.close();
    await world.advance(2000);
    assert.deepEqual((await world.welcome({ resumed: true, received: 4 })).sent.slice(1), []);
  });

  test("an ask stays open, and its answer ends it", async () => {
    const world = await connected();
    const asked = world.ws.ask("a", 1);
    await world.close();
    await world.advance(2000);
    await world.welcome({ resumed: true, received: 1 });
    world.say(";r11;5");
    world.say(";r11;6"); // counted and ignored
    assert.equal(await asked, 5);
    world.say(";p;");
    assert.equal(world.newest().sent.at(-1), ";a;2");
  });

  test("what an old socket still delivers is ignored", async () => {
    const world = await connected();
    const old = world.newest();
    await world.close();
    await world.advance(2000);
    old.onmessage({ data: "a;0;late" });
    old.onclose({ code: 1000, reason: "late" });
    await world.welcome({ resumed: true, received: 0 });
    assert.equal(world.hello().r, 0);
    assert.equal(world.ws.state, "connected");
  });
});

describe("not resumed", () => {
  // lose sends 1, an ask for 2 and 3, of which the server counts 1. The socket is lost, and
  // 4, 5 and another ask wait. Before that, the server has asked, and gets its answer too
  // late.
  async function lose(fields) {
    const world = await connected();
    let answer;
    world.ws.on("question", () => new Promise((resolve) => { answer = resolve; }));
    world.say("question;07;");
    world.ws.emit("a", 1);
    const asked = [world.ws.ask("a", 2)];
    world.ws.emit("a", 3);
    world.say(";a;1");
    await world.close();
    world.ws.emit("a", 4);
    world.ws.send("native");
    asked.push(world.ws.ask("a", 5));
    const ends = codes(asked);
    const reasons = [];
    world.ws.onLost((_, { why }) => reasons.push(why));
    world.ws.emit("large", "x".repeat(2000));
    await world.advance(2000);
    const socket = await world.welcome({ s: "S2", k: "K2", max: 1000, ...fields });
    answer("too late");
    await settle();
    assert.deepEqual(reasons, [fields.why]);
    return { world, sent: socket.sent.slice(1), codes: await ends, lost: plain(world.told.lost.drain().flat()) };
  }
  const native = { event: null, data: "native", taken: false };
  const large = { event: "large", data: "x".repeat(2000), taken: false };

  test("unknown: what was sent is uncertain", async () => {
    for (const why of ["unknown", undefined]) {
      const { world, sent, codes, lost } = await lose({ why, received: 0 });
      assert.deepEqual(sent, ["a;1;4", ";n;native"]);
      assert.deepEqual(codes, [["session_lost", undefined], ["session_lost", false]]);
      assert.deepEqual(lost, [{ event: "a", data: 3 }, large]);
      assert.deepEqual(plain(world.told.connected.drain().at(-1)), why ? { resumed: false, why } : { resumed: false });
      assert.equal(world.ws.id, "S2");
      world.say(";p;");
      assert.equal(world.newest().sent.at(-1), ";a;0"); // the counts begin anew
      world.say(";a;2");
      assert.equal(world.ws.state, "connected");
    }
  });

  test("expired, evicted, ended: the count tells", async () => {
    for (const why of ["expired", "evicted", "ended"]) {
      const { sent, codes, lost } = await lose({ why, received: 2 });
      assert.deepEqual(sent, ["a;1;3", "a;1;4", ";n;native"]);
      assert.deepEqual(codes, [["session_lost", true], ["session_lost", false]]);
      assert.deepEqual(lost, [large]);
    }
  });

  for (const resumed of [true, false]) {
    test(`an answer given while the client is away, ${resumed ? "resumed" : "lost"}`, async () => {
      const world = await connected();
      let answer;
      world.ws.on("question", () => new Promise((resolve) => { answer = resolve; }));
      world.say("question;07;");
      await world.close();
      answer("yes");
      await settle();
      await world.advance(2000);
      const socket = await world.welcome(resumed ? { resumed, received: 0 } : { s: "S2", k: "K2", why: "expired", received: 0 });
      assert.deepEqual(socket.sent.slice(1), resumed ? [";r07;yes"] : []); // another ask of S2 may have the id 7
      assert.deepEqual(world.told.lost.drain(), []);
    });
  }

  test("user: nothing goes out as another", async () => {
    const { sent, codes, lost } = await lose({ why: "user", received: 1 });
    assert.deepEqual(sent, []);
    assert.deepEqual(codes, [["session_lost", false], ["session_lost", false]]);
    assert.deepEqual(lost, [{ event: "a", data: 3, taken: false }, { event: "a", data: 4, taken: false }, native, large]);
  });
});

describe("the end", () => {
  test("by the server: what it has not counted is told", async () => {
    const world = await connected();
    world.ws.emit("a", 1);
    world.ws.emit("a", 2);
    const asked = codes([world.ws.ask("a", 3)]);
    world.say(";a;1");
    await world.close(4003, "forbidden");
    assert.deepEqual(plain(world.told.lost.drain()), [[{ event: "a", data: 2 }]]);
    assert.deepEqual(await asked, [["disconnected", undefined]]);
    world.ws.connect();
    const socket = await world.welcome();
    assert.deepEqual(socket.sent.slice(1), []);
  });

  test("by the program, while the network is away: what was sent is uncertain", async () => {
    const world = await connected();
    world.ws.emit("a", 1);
    await world.close();
    world.ws.emit("a", 2);
    let reason;
    world.ws.onLost((_, { why }) => { reason = why; });
    world.ws.disconnect();
    assert.equal(reason, "disconnected");
    assert.deepEqual(plain(world.told.lost.drain()), [[{ event: "a", data: 1 }, { event: "a", data: 2, taken: false }]]);
  });

  test("by the program, while connected: what was sent is on its way", async () => {
    const world = await connected();
    world.ws.emit("a", 1);
    world.ws.disconnect();
    assert.deepEqual(world.newest().closed, [1000, undefined]);
    assert.deepEqual(world.told.lost.drain(), []);
  });

  test("with a code that the browser refuses: nothing has happened", async () => {
    const world = await connected();
    world.newest().close = () => {
      throw new Error("invalid code");
    };
    assert.throws(() => world.ws.disconnect(1), /invalid code/);
    assert.equal(world.ws.state, "connected");
    world.say(";p;");
    assert.equal(world.newest().sent.at(-1), ";a;0");
  });

  test("by the program, with the code 4001: it is the end, too", async () => {
    const world = await connected();
    world.ws.disconnect(4001, "bye");
    assert.equal(world.ws.state, "disconnected");
    assert.equal(world.ws.id, undefined);
    assert.equal(world.ws.emit("a", 1), false);
  });

  test("4001: all stays until there is another token", async () => {
    let token = "old";
    const world = await connected({ options: { token: () => token } });
    world.ws.emit("a", 1);
    const asked = world.ws.ask("a", 2, { timeout: Infinity });
    await world.close(4001, "expired");
    assert.equal(world.ws.state, "unauthorized");
    assert.deepEqual(plain(world.told.disconnected.drain()), [{ code: 4001, reason: "expired", willReconnect: false }]);
    assert.equal(world.ws.emit("a", 3), true);
    await world.advance(100_000);
    await world.event("online");
    assert.equal(world.sockets.length, 1);
    token = "new";
    world.ws.connect();
    await settle();
    world.newest().onopen();
    assert.deepEqual(world.hello(), { s: "S", k: "K", r: 0, n: 2, t: "new" });
    const socket = await world.welcome({ resumed: true, received: 1 });
    assert.deepEqual(socket.sent.slice(2), ["a;11;2", "a;1;3"]);
    world.say(";r11;9");
    assert.equal(await asked, 9);
    await world.close(4001);
    world.ws.disconnect();
    assert.equal(world.ws.state, "disconnected");
  });
});

describe("an answer that can't be sent is a failure", () => {
  const failed = (id) => `;e${id};{"code":"error"}`;
  const circular = {};
  circular.itself = circular;

  for (const [name, data] of Object.entries({ "a circle": circular, "a BigInt": 5n })) {
    test(`the data of an error: ${name}`, async () => {
      const world = await connected();
      world.ws.on("q", () => {
        throw Object.assign(new Error("no"), { code: "mine", data });
      });
      world.say("q;07;");
      await settle();
      assert.deepEqual(world.newest().sent.slice(1), [failed(7)]);
      assert.equal(world.told.error.drain().length, 1);
    });
  }

  test("a reply that is too large", async () => {
    const world = await connected();
    world.ws.on("q", () => "x".repeat(70_000));
    world.say("q;07;");
    await settle();
    assert.deepEqual(world.newest().sent.slice(1), [failed(7)]);
    assert.deepEqual(world.told.error.drain().map(({ code }) => code), ["too_large"]);
  });

  test("a full queue", async () => {
    const world = await connected({ options: { maxQueuedBytes: 1000 } });
    world.ws.on("q", () => "x".repeat(500));
    world.ws.emit("a", "x".repeat(900));
    world.say("q;07;");
    await settle();
    assert.equal(world.newest().sent.at(-1), failed(7));
    assert.deepEqual(world.told.error.drain().map(({ code }) => code), ["queue_full"]);
  });

  test("a Blob that can't be read", async () => {
    const world = await connected();
    const blob = Object.assign(new Blob(["x"]), { arrayBuffer: () => Promise.reject(new Error("unreadable")) });
    world.ws.on("q", () => blob);
    world.say("q;07;");
    await settle();
    assert.deepEqual(world.newest().sent.slice(1), [failed(7)]);
    assert.deepEqual(world.told.error.drain().map(({ message }) => message), ["unreadable"]);
  });
});

test("a message may have as many bytes as the server takes, and no more", async () => {
  const world = makeWorld();
  const socket = await world.welcome({ max: 1000 });
  const most = "x".repeat(1000 - "a;0;".length);
  assert.deepEqual([world.ws.emit("a", most), world.ws.emit("a", `${most}x`)], [true, false]);
  assert.deepEqual(socket.sent.slice(1), [`a;0;${most}`, ";p;"]); // the ping is for a count: it may make room
  assert.deepEqual(world.told.error.drain().map(({ code }) => code), ["too_large"]);
});

test("onSuspended tells of a lost socket, not of the dials that fail after it", async () => {
  const world = await connected();
  let suspended = 0, dials = 0;
  world.ws.onSuspended(() => suspended++);
  world.ws.onReconnecting(() => dials++);
  for (let i = 0; i < 3; i++) {
    await world.close();
    await world.advance(40_000);
  }
  assert.ok(dials >= 3, dials);
  assert.equal(suspended, 1);
});

describe("a payload that can't be read is no violation", () => {
  for (const payload of ["{", "", "null", "5", '{"code":5}', '{"message":{"toString":1}}']) {
    test(`a failure: ${payload}`, async () => {
      const world = await connected();
      const asked = codes([world.ws.ask("a", 1)]);
      world.say(`;e1;${payload}`);
      assert.deepEqual(await asked, [["error", undefined]]);
      assert.equal(world.ws.state, "connected");
    });
  }

  for (const [name, message] of Object.entries({ number: ";r11;x", JSON: ";r41;{" })) {
    test(`a reply that is no ${name}`, async () => {
      const world = await connected();
      const asked = codes([world.ws.ask("a", 1)]);
      world.say(message);
      assert.deepEqual(await asked, [["invalid_payload", undefined]]);
      assert.equal(world.ws.state, "connected");
    });
  }

  test("an ask: the server is told why it fails", async () => {
    const world = await connected();
    world.ws.on("q", () => 1);
    world.say("q;47;{");
    await settle();
    const [answer] = world.newest().sent.slice(1);
    assert.equal(answer.slice(0, 4), ";e7;");
    assert.equal(JSON.parse(answer.slice(4)).code, "invalid_payload");
  });

  test("a drain", async () => {
    const world = await connected();
    for (const payload of ["{", "", "null"]) {
      world.say(`;g;${payload}`);
    }
    assert.equal(world.ws.state, "connected");
    assert.deepEqual(world.told.drain.drain(), []);
  });
});

describe("disconnect in a callback is the last word", () => {
  // historyOf keeps the names of the callbacks that are called. One of them disconnects.
  function historyOf({ ws }, where) {
    const calls = [];
    for (const hook of ["Connected", "Resumed", "Suspended", "Reconnecting", "Disconnected", "Lost"]) {
      ws[`on${hook}`]((value) => {
        calls.push(hook === "Disconnected" ? `${hook} ${value.willReconnect}` : hook);
        hook === where && ws.disconnect();
      });
    }
    return calls;
  }
  const quiet = { resumed: true, received: 0 };
  const cases = {
    Disconnected: ["Disconnected true", "Disconnected false"],
    Suspended: ["Disconnected true", "Suspended", "Disconnected false"],
    Connected: ["Disconnected true", "Suspended", "Reconnecting", "Connected", "Disconnected false"],
  };
  for (const [where, calls] of Object.entries(cases)) {
    test(`on${where}`, async () => {
      const world = await connected();
      const seen = historyOf(world, where);
      await world.close();
      await world.advance(2000);
      if (world.ws.state === "reconnecting") {
        await world.welcome(quiet);
      }
      assert.deepEqual([seen, world.ws.state, world.waiting()], [calls, "disconnected", 0]);
    });
  }

  test("onLost", async () => {
    const world = await connected();
    world.ws.emit("a", 1);
    await world.close();
    await world.advance(2000);
    const seen = historyOf(world, "Lost");
    await world.welcome({ s: "S2", k: "K2", why: "unknown" });
    assert.deepEqual([seen, world.ws.state, world.waiting()], [["Lost", "Disconnected false"], "disconnected", 0]);
  });
});

describe("a small queue", () => {
  test("asks for the count, so that it never stays full", async () => {
    const world = await connected({ options: { maxQueuedBytes: 32 << 10 } });
    let sent = 0;
    for (let i = 0; i < 200; i++) {
      assert.equal(world.ws.emit("a", "x".repeat(1100)), true, `emit ${i}`);
      const news = world.newest().sent.slice(sent + 1);
      sent += news.length;
      if (news.includes(";p;")) {
        world.say(`;a;${i + 1}`);
      }
    }
    assert.ok(world.newest().sent.filter((message) => message === ";p;").length < 40);
  });

  test("asks once when it is full of what was sent", async () => {
    const world = await connected({ options: { maxQueuedBytes: 1000 } });
    world.ws.emit("a", "x".repeat(100));
    assert.deepEqual(world.newest().sent.slice(2), []);
    assert.deepEqual([world.ws.emit("a", "x".repeat(950)), world.ws.emit("a", "x".repeat(950))], [false, false]);
    assert.deepEqual(world.newest().sent.slice(2), [";p;"]);
    world.say(";a;1");
    assert.equal(world.ws.emit("a", "x".repeat(950)), true);
  });
});

test("listeners: wrong names and values are refused", async () => {
  const world = await connected();
  assert.throws(() => world.ws.off(";Connected"), /must not contain/);
  assert.throws(() => world.ws.once("a", 5), /must be a function/);
  await world.close();
  await world.advance(2000);
  await world.welcome({ resumed: true });
  assert.equal(world.told.connected.drain().length, 2);
});

test("the names of events are forgotten with their listeners", async () => {
  const maps = [];
  class Kept extends Map {
    constructor(...given) {
      super(...given);
      maps.push(this);
    }
  }
  const world = await connected({ globals: { Map: Kept } });
  const size = () => maps.reduce((sum, map) => sum + map.size, 0);
  const before = size();
  const listener = () => {};
  for (let i = 0; i < 10; i++) {
    world.say(`new ${i};0;`);
    world.ws.once(`once ${i}`, listener);
    world.say(`once ${i};0;`);
    world.ws.on(`stopped ${i}`, listener)();
    world.ws.on(`off ${i}`, listener);
    world.ws.off(`off ${i}`, listener);
    world.ws.on(`all off ${i}`, listener);
    world.ws.off(`all off ${i}`);
    world.ws.off(`none ${i}`);
  }
  await settle();
  assert.deepEqual([before > 0, size()], [true, before]);
});

test("a callback that throws or whose promise rejects is told to onError, and keeps none from being called", async () => {
  const world = await connected();
  const fail = (message) => {
    throw new Error(message);
  };
  world.ws.onSuspended(() => fail("at once"));
  world.ws.onSuspended(async () => fail("later"));
  let calls = 0;
  world.ws.onSuspended(() => calls++);
  await world.close();
  assert.deepEqual(world.told.error.drain().map(({ message }) => message), ["at once", "later"]);
  assert.equal(calls, 1);
});

test("a stop that is called twice stops no later listener", async () => {
  const world = await connected();
  const seen = [];
  const stop = world.ws.on("a", () => seen.push("first"));
  stop();
  world.ws.on("a", () => seen.push("second"));
  stop();
  world.say("a;0;");
  assert.deepEqual(seen, ["second"]);
});

test("a BigInt beyond 64 bits is refused", async () => {
  const world = await connected();
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n]) {
    assert.throws(() => world.ws.emit("a", value), /can't be sent/);
  }
  world.ws.emit("a", 2n ** 63n - 1n);
  world.ws.emit("a", -(2n ** 63n));
  assert.deepEqual(world.newest().sent.slice(1), ["a;1;9223372036854775807", "a;1;-9223372036854775808"]);
});

test("the server asks for a token", async () => {
  let calls = 0;
  const world = await connected({ options: { token: async () => `T${++calls}` } });
  world.say(";t;");
  await settle();
  assert.deepEqual(world.newest().sent.slice(1), [";t;T2"]);
  const none = await connected();
  none.say(";t;");
  await settle();
  assert.deepEqual(none.newest().sent.slice(1), []);
});

test("a token that comes too late for its socket is not sent", async () => {
  const resolvers = [];
  const world = makeWorld({ options: { token: () => new Promise((resolve) => resolvers.push(resolve)) } });
  await settle();
  resolvers[0]("T1");
  await world.welcome();
  world.say(";t;");
  await settle();
  await world.close();
  await world.advance(2000);
  resolvers[2]("T3");
  await world.welcome({ resumed: true });
  resolvers[1]("T2");
  await settle();
  assert.equal(world.hello().t, "T3");
  assert.equal(world.newest().sent.length, 1);
});

test("an ask that has ended leaves nothing behind", async () => {
  const world = await connected();
  const before = world.waiting();
  const listeners = new Set();
  const signal = {
    throwIfAborted() {},
    addEventListener: (_, listener) => listeners.add(listener),
    removeEventListener: (_, listener) => listeners.delete(listener),
  };
  const asked = world.ws.ask("a", 1, { signal });
  assert.deepEqual([world.waiting(), listeners.size], [before + 1, 1]);
  world.say(";r11;2");
  assert.equal(await asked, 2);
  const wrong = world.ws.ask("a;b", 1, { signal });
  await assert.rejects(wrong);
  assert.deepEqual([world.waiting(), listeners.size], [before, 0]);
});
