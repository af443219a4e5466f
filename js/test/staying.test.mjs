// When the client comes back, and when it takes a server for lost: with a clock and a page
// that the test moves.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { makeWorld, plain, settle } from "./helpers/world.mjs";

describe("close codes", () => {
  // The world's random number is 0.5, the spread 2,000 ms.
  const cases = [
    [1000, "", "disconnected"], [1002, "", "disconnected"], [1007, "", "disconnected"], [1009, "", "disconnected"],
    [4000, "", "disconnected"], [4002, "", "disconnected"], [4003, "", "disconnected"], [4099, "retry=5", "disconnected"],
    [1001, "", 1000], [1005, "", 1000], [1006, "", 1000], [4200, "", 1000], [4201, "", 1000], [4299, "", 1000],
    [1011, "", 1000], [4100, "", 1000], [4101, "", 1000], [4108, "", 1000], [4300, "", 1000], [3000, "", 1000],
    [4200, "restart; retry=1500", 1500], [4100, "retry=70000", 70000], [4100, "retry=x", 1000], [4100, "noretry=5", 1000], [4200, "retry=0", 0],
  ];
  for (const [code, reason, next] of cases) {
    test(`${code} ${reason}: ${next}`, async () => {
      const world = makeWorld();
      await world.welcome();
      await world.close(code, reason);
      const away = typeof next === "string";
      assert.deepEqual(plain(world.told.disconnected.drain()), [{ code, reason, willReconnect: !away }]);
      assert.equal(world.ws.state, away ? next : "reconnecting");
      assert.equal(world.told.suspended.drain().length, away ? 0 : 1);
      const [plan] = plain(world.told.reconnecting.drain());
      assert.deepEqual(plan, away ? undefined : { attempt: 1, delay: next });
      assert.equal(world.listening(), away ? 0 : 4);
      await world.advance(9e5);
      assert.equal(world.sockets.length > 1, !away);
    });
  }

  test("a pause is at most as long as the waits before it, from 1 second to 30", async () => {
    const world = makeWorld();
    await settle();
    const delays = [];
    for (let i = 0; i < 14; i++) {
      await world.close(i === 3 ? 4200 : 1006);
      const [{ attempt, delay }] = world.told.reconnecting.drain();
      assert.equal(attempt, i + 1);
      delays.push(delay);
      await world.advance(delay);
    }
    // Half of the limit each time: 1 second, the sum, and 30 seconds.
    assert.deepEqual(delays.map(Math.floor), [500, 500, 500, 750, 1125, 1687, 2531, 3796, 5695, 8542, 12814, 15000, 15000, 15000]);
    await world.welcome({ spread: 100 });
    await world.close(4100); // too soon to forget the waits
    assert.deepEqual(plain(world.told.reconnecting.drain()), [{ attempt: 1, delay: 15000 }]);
    await world.advance(15000);
    await world.welcome({ spread: 100 });
    await world.advance(5001);
    await world.close(4100);
    assert.equal(world.told.reconnecting.drain()[0].delay, 500);
    await world.advance(500);
    await world.welcome({ spread: 100 });
    await world.close(1006);
    assert.equal(world.told.reconnecting.drain()[0].delay, 50);
  });

  test("connect begins without failures", async () => {
    const world = makeWorld();
    await settle();
    for (let i = 0; i < 5; i++) {
      await world.close();
      await world.advance(30_000);
    }
    world.told.reconnecting.drain();
    world.ws.disconnect();
    world.ws.connect();
    await settle();
    await world.close();
    assert.deepEqual(plain(world.told.reconnecting.drain()), [{ attempt: 1, delay: 500 }]);
  });
});

describe("a dial", () => {
  test("without a welcome is given up", async () => {
    const world = makeWorld();
    await settle();
    const [first] = world.sockets;
    first.onopen();
    await world.advance(9999);
    assert.equal(first.closed, undefined);
    await world.advance(1);
    assert.deepEqual(first.closed, []);
    first.onclose({ code: 4003, reason: "late" }); // it is ignored
    first.onmessage({ data: ";w;{}" });
    assert.equal(world.ws.state, "reconnecting");
    assert.deepEqual(world.told.disconnected.drain(), []);
    await world.advance(500);
    assert.equal(world.sockets.length, 2);
  });

  test("whose functions take long is none any more after disconnect", async () => {
    let resolve;
    const world = makeWorld({ url: () => new Promise((done) => { resolve = done; }) });
    await settle();
    world.ws.disconnect();
    resolve("ws://example.com/ws");
    await settle();
    assert.equal(world.sockets.length, 0);
    assert.equal(world.ws.state, "disconnected");
  });
});

describe("a dial that can't begin", () => {
  const none = () => {
    throw new Error("no WebSocket");
  };
  const kinds = {
    "without a WebSocket": undefined,
    "whose class throws": none,
    "whose promise rejects": Promise.reject(new Error("not loaded")),
    "whose promise has none": Promise.resolve(),
  };
  kinds["whose promise rejects"].catch(() => {});
  for (const [name, WebSocket] of Object.entries(kinds)) {
    test(`${name}: is told, and pauses grow`, async () => {
      const world = makeWorld({ options: { WebSocket }, native: false });
      await settle();
      for (let i = 0; i < 5; i++) {
        const [{ delay }, ...others] = world.told.reconnecting.drain();
        assert.deepEqual([delay, others.length, world.told.error.drain().length], [[500, 500, 500, 750, 1125][i], 0, 1]);
        await world.advance(delay);
      }
      assert.equal(world.waiting(), 1);
    });
  }

  test("without a WebSocket, onError says what to do", async () => {
    const world = makeWorld({ native: false });
    await settle();
    assert.deepEqual(world.told.error.drain().map(String), ["TypeError: Ws: pass a WebSocket"]);
  });

  test("disconnect in onError ends it", async () => {
    const world = makeWorld({ native: false });
    world.ws.onError(() => world.ws.disconnect());
    await settle();
    assert.deepEqual([world.ws.state, world.waiting()], ["disconnected", 0]);
  });
});

describe("a silent server", () => {
  test("is pinged, and then taken for lost", async () => {
    const world = makeWorld();
    const socket = await world.welcome();
    await world.advance(44_999);
    assert.deepEqual(socket.sent.slice(1), []);
    await world.advance(1);
    assert.deepEqual(socket.sent.slice(1), [";p;"]);
    await world.advance(14_999);
    assert.equal(world.ws.state, "connected");
    await world.advance(1); // 1.5 times the 40 seconds
    assert.equal(world.ws.state, "reconnecting");
    assert.deepEqual(socket.closed, []);
    assert.equal(world.told.disconnected.drain()[0].code, 1006);
  });

  test("that answers is not", async () => {
    const world = makeWorld();
    const socket = await world.welcome();
    for (let i = 0; i < 5; i++) {
      await world.advance(46_000);
      world.say(";a;0");
    }
    assert.equal(world.ws.state, "connected");
    assert.deepEqual(socket.sent.slice(1), Array(5).fill(";p;"));
  });

  test("a clock that fires late pings before it judges", async () => {
    const world = makeWorld();
    const socket = await world.welcome();
    await world.advance(45_000);
    await world.advance(3_600_000, { late: true }); // the machine slept
    assert.equal(world.ws.state, "connected");
    assert.deepEqual(socket.sent.slice(1), [";p;", ";p;"]);
    world.say(";a;0");
    await world.advance(40_000);
    assert.equal(world.ws.state, "connected");
    await world.advance(3_600_000, { late: true });
    assert.equal(world.ws.state, "connected");
    await world.advance(15_000);
    assert.equal(world.ws.state, "reconnecting");
  });

  test("after two late clocks it is lost", async () => {
    const world = makeWorld();
    await world.welcome();
    await world.advance(45_000);
    await world.advance(100_000, { late: true });
    assert.equal(world.ws.state, "connected");
    await world.advance(100_000, { late: true });
    assert.equal(world.ws.state, "reconnecting");
  });
});

describe("numbers of the server that no timer can take", () => {
  for (const ping of [0, undefined, 1e9]) {
    test(`ping ${ping}: it waits for ever`, async () => {
      const world = makeWorld();
      await world.welcome({ ping });
      await world.advance(3_600_000);
      assert.equal(world.ws.state, "connected");
      assert.equal(world.sockets.length, 1);
      assert.equal(world.waiting(), 0);
    });
  }

  test("no spread: that of before the first welcome", async () => {
    const world = makeWorld();
    await world.welcome({ spread: undefined });
    await world.close(1006);
    assert.equal(world.told.reconnecting.drain()[0].delay, 500);
    await world.advance(500);
    await world.close(1006);
    assert.equal(world.told.reconnecting.drain()[0].delay, 500);
  });
});

describe("a page", () => {
  // away makes a world whose client waits for its next dial.
  async function away(code = 1006, reason) {
    const world = makeWorld();
    await world.welcome();
    await world.close(code, reason);
    assert.equal(world.sockets.length, 1);
    return world;
  }

  for (const [name, happen] of Object.entries({
    "online": (world) => world.event("online"),
    "visible": async (world) => {
      await world.show(false);
      assert.equal(world.sockets.length, 1);
      await world.show(true);
    },
    "pageshow from the cache": (world) => world.event("pageshow", { persisted: true }),
  })) {
    test(`${name}: at once`, async () => {
      const world = await away();
      await happen(world);
      assert.equal(world.sockets.length, 2);
      await world.advance(5000);
      assert.equal(world.sockets.length, 2); // the old plan is forgotten
    });

    test(`${name}: not before the server wants it`, async () => {
      for (const [code, reason] of [[4100, ""], [4200, "retry=3000"]]) {
        const world = await away(code, reason);
        await happen(world);
        assert.equal(world.sockets.length, 1);
        await world.advance(3000);
        assert.equal(world.sockets.length, 2);
      }
    });
  }

  test("online while connected: it pings, and a dead network is noticed sooner", async () => {
    const world = makeWorld();
    const socket = await world.welcome();
    await world.event("online");
    assert.deepEqual(socket.sent.slice(1), [";p;"]);
    await world.advance(15_000);
    assert.equal(world.ws.state, "reconnecting");
  });

  test("a young dial goes on when the page becomes visible, one older than 3 s is given up", async () => {
    const world = makeWorld();
    await settle();
    await world.show(false);
    await world.advance(2900);
    await world.show(true);
    assert.equal(world.sockets.length, 1);
    await world.show(false);
    await world.advance(200);
    await world.show(true);
    assert.equal(world.sockets.length, 2);
    assert.deepEqual(world.sockets[0].closed, []);
    await world.welcome();
    assert.equal(world.ws.state, "connected");
  });

  test("hidden for long: it doesn't dial until it is visible", async () => {
    const world = makeWorld();
    await world.welcome();
    await world.show(false);
    await world.advance(290_000, { late: true });
    await world.close();
    await world.advance(1000);
    assert.equal(world.sockets.length, 2); // not for long yet
    await world.advance(10_000);
    await world.close();
    await world.advance(100_000);
    const { length } = world.sockets;
    await world.advance(3_600_000);
    assert.equal(world.sockets.length, length);
    await world.event("online");
    assert.equal(world.sockets.length, length);
    assert.equal(world.ws.state, "reconnecting");
    await world.show(true);
    assert.equal(world.sockets.length, length + 1);
  });

  test("hidden for long: it comes back when it is visible, even if the server has said when", async () => {
    for (const [code, reason] of [[4200, "retry=1500"], [4100, ""]]) {
      const world = makeWorld();
      await world.welcome();
      await world.show(false);
      await world.advance(301_000, { late: true });
      world.say(";a;0"); // the server is there
      await world.close(code, reason);
      await world.advance(100_000);
      assert.equal(world.sockets.length, 1);
      await world.show(true);
      assert.equal(world.sockets.length, 2);
      await world.welcome();
      assert.equal(world.ws.state, "connected");
    }
  });

  test("pagehide says 1000, unless the page is kept", async () => {
    const world = makeWorld();
    const socket = await world.welcome();
    await world.event("pagehide", { persisted: true });
    assert.equal(socket.closed, undefined);
    await world.event("pagehide", { persisted: false });
    assert.deepEqual(socket.closed, [1000, undefined]);
    assert.equal(world.ws.state, "disconnected");
    assert.equal(world.listening(), 0);
  });

  test("a world without a page has no events", async () => {
    const world = makeWorld({ page: false });
    await world.welcome();
    world.ws.disconnect();
    assert.equal(world.ws.state, "disconnected");
  });
});
