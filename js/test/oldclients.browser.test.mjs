// Tests of pages with the clients of Iris v11.1.1, which nobody can update: they
// go through the same with our server as with the server of their time. The old
// scripts and the old server come from the module cache.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { browsers, startBrowser } from "./helpers/browsers.mjs";
import { moduleFolder, root, startClassicServer, startTestServer } from "./helpers/go.mjs";
import { bugs, deliberate, differences, messageOf, values } from "./helpers/oldclients.mjs";

const handlers = ["string", "int", "bool", "bytes", "any", "nothing"];

let ours;
let theirs;
const scripts = {};

before(async () => {
  [ours, theirs] = await Promise.all([startTestServer(), startClassicServer()]);
  const folder = await moduleFolder("js/classicserver", "github.com/kataras/iris");
  for (const name of ["client.js", "client.min.js"]) {
    scripts[name] = await readFile(join(folder, "websocket", name), "utf8");
  }
});

after(async () => {
  await ours?.stop();
  await theirs?.stop();
});

// open opens a page of a server in a browser, with an old client.
async function open(browser, script, url) {
  const page = await browser.openPage();
  await page.goto(url);
  await page.run((content) => {
    document.body.append(Object.assign(document.createElement("script"), { textContent: content }));
  }, scripts[script]);
  return { ...page, address: `${url.replace("http:", "ws:")}/classic` };
}

// play runs scenes, by their names, in a page. A scene is a list of steps, [who,
// method, ...arguments]; it returns what each client was told, in order, one client
// after the other. The connections of a scene are gone when the next one begins,
// unless that says who "is connected": then this one keeps the connection of the
// scene before, if that has not ended. At no time do two connections make the server
// send: the old server mixes messages that it makes at the same time, since it gives
// the buffer of a message back to its pool before the message is written.
async function play(page, scenes) {
  return (await page.run(playInPage, page.address, Object.entries(scenes))).map(byClient);
}

// byClient puts together what each client was told: which of several is told
// first says nothing.
function byClient(told) {
  const who = (line) => line.slice(0, line.indexOf(":"));
  return told.toSorted((a, b) => who(a).localeCompare(who(b)));
}

// playInPage runs in the page.
async function playInPage(address, scenes) {
  const events = ["got", "sent", "joined", "left", "said", "calls"];
  const patience = 15_000;
  const all = [];
  let scene;
  let step;
  let told;
  let clients = {};
  let names = {}; // of these clients, by their IDs

  const connect = (who) => new Promise((resolve, reject) => {
    const ws = new globalThis.Ws(address);
    const client = { ws, ended: false, wake: () => {} };
    const tell = (what) => {
      told.push(`${who}: ${what}`);
      client.wake();
    };
    ws.OnConnect(() => tell("connected"));
    ws.On("id", (id) => { names[id] = who; resolve(client); });
    ws.OnDisconnect(() => { client.ended = true; tell("disconnected"); reject(new Error("no connection")); });
    ws.OnMessage((message) => tell(`message ${JSON.stringify(message)}`));
    for (const event of events) {
      ws.On(event, (message) => {
        if (message === 'string "the end of a step"') {
          client.settled = true;
          client.wake();
        } else {
          tell(`${event} ${JSON.stringify(message)}`);
        }
      });
    }
    // The end of a connection of an earlier scene is no news of this one.
    const tellOf = (id, what) => {
      if (names[id]) {
        tell(`${names[id]} ${what}`);
      }
    };
    ws.On("gone", (id) => tellOf(id, "is gone"));
    ws.On("failed", (message) => {
      const [id, ...error] = message.split(" ");
      tellOf(id, `failed, ${error.join(" ").replace("websocket: ", "").split(": ")[0]}`);
    });
    clients[who] = client;
  });

  // until waits for a condition that a client's listeners bring about.
  const until = (what, condition) => new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      const sockets = Object.entries(clients).map(([who, { ws: { conn } }]) => (
        `${who} has readyState ${conn.readyState} and ${conn.bufferedAmount} bytes to send`
      ));
      reject(new Error([
        `${address}, scene "${scene}", step ${step}: waited in vain for ${what}`, `told: ${told.join(", ")}`, ...sockets,
      ].join("; ")));
    }, patience);
    const look = () => {
      if (condition()) {
        clearTimeout(late);
        resolve();
      }
    };
    for (const client of Object.values(clients)) {
      client.wake = look;
    }
    look();
  });

  // hearOfEnds waits until each client that is connected has been told of each that is not
  // any more: a server may end a connection first, and tell the others after that.
  const hearOfEnds = async () => {
    const all = Object.keys(clients);
    for (const gone of all.filter((name) => clients[name].ended)) {
      for (const name of all.filter((name) => !clients[name].ended)) {
        await until(`the end of ${gone} to be told to ${name}`, () => told.includes(`${name}: ${gone} is gone`));
      }
    }
  };

  // settle waits until a client has been told all that its server knew of.
  const settle = async (who) => {
    const client = clients[who];
    client.settled = false;
    if (!client.ended) {
      client.ws.Emit("string", "the end of a step");
    }
    await until(`the end of a step for ${who}`, () => client.settled || client.ended);
    await hearOfEnds();
  };

  // close ends the connections, and waits until the server knows it.
  const close = async () => {
    for (const client of Object.values(clients)) {
      client.ws.conn.close();
      await until("the end of a scene", () => client.ended);
      await hearOfEnds();
    }
    const late = Date.now() + patience;
    while (await (await fetch("/connections")).json() > 0) { // nothing announces it
      if (Date.now() > late) {
        throw new Error(`${address}, scene "${scene}": its connections have no end`);
      }
    }
    clients = {};
    names = {};
  };

  for (const [i, [name, steps]] of scenes.entries()) {
    scene = name;
    told = [];
    for (const [j, [who, method, ...given]] of steps.entries()) {
      step = JSON.stringify([who, method, ...given]).slice(0, 100);
      let settled;
      if (method === "connect") {
        await connect(who);
      } else if (method === "is connected") {
        if (!clients[who]) {
          await connect(who);
          told = [];
        }
        continue;
      } else if (method === "hears") {
        await until(given[0], () => told.some((line) => line.startsWith(`${who}: ${given[0]}`)));
      } else if (method === "ends") {
        await until("the end", () => clients[who].ended);
      } else if (method === "ends the play with") {
        clients[who].ws.Emit(...given);
        return [...all, told];
      } else {
        try {
          clients[who].ws[method](...given);
        } catch {
          told.push(`${who}: threw`); // the old script does, for null
        }
        if (method !== "Disconnect") {
          settled = who;
          await settle(who);
        }
      }
      if (steps[j + 1]?.[1] === "hears") {
        continue; // the server is not done with this step
      }
      for (const name of Object.keys(clients).filter((name) => name !== settled)) {
        await settle(name);
      }
    }
    all.push(told.slice());
    const isKept = scenes[i + 1]?.[1][0][1] === "is connected" && Object.values(clients).every((client) => !client.ended);
    if (!isKept) {
      await close();
    }
  }
  return all;
}

// compare plays scenes, by their names, in a page of each server.
async function compare(pages, scenes) {
  const names = Object.keys(scenes);
  const [mine, original] = await Promise.all(pages.map((page) => play(page, scenes)));
  return names.map((name, i) => ({ name, mine: mine[i], original: original[i] }));
}

// compareAll plays scenes of which each says what was told then and what is now.
async function compareAll(pages, scenes) {
  const list = Object.entries(scenes);
  const told = await compare(pages, Object.fromEntries(list.map(([name, { scene }]) => [name, scene])));
  for (const [i, { name, mine, original }] of told.entries()) {
    const { then, now } = list[i][1];
    assert.deepEqual(original, then, `${name}: what the old server does`);
    assert.deepEqual(mine, now, `${name}: what ours does`);
  }
}

// deadlocks counts the goroutines of the old server that wait in an OnLeave
// function for the lock that they hold themselves.
async function deadlocks() {
  const response = await fetch(`${theirs.url}/goroutines`);
  const goroutines = (await response.text()).split("\n\n");
  return goroutines.filter((stack) => /^goroutine \d+ \[sync.RWMutex.RLock/.test(stack)
    && /\.emitMessage\([^]*\.fireOnLeave\([^]*\.\(\*Server\)\.Leave\(/.test(stack)).length;
}

test("the program is that of v11 after the change of an import and of one call", async () => {
  const [now, then] = await Promise.all(["testserver", "classicserver"].map((name) => readFile(join(root, "js", name, "setup.go"), "utf8")));
  assert.equal(now, then
    .replace('"github.com/kataras/iris"\n', '"github.com/kataras/iris/v12"\n')
    .replace("websocket.New(websocket.Config{})", "websocket.NewServer(websocket.Config{})"));
});

for (const name of browsers) {
  describe(`in ${name}`, () => {
    let browser;
    before(async () => { browser = await startBrowser(name, { delaysConnections: false }); }); // many scenes cut connections
    after(() => browser?.close());
    for (const script of ["client.js", "client.min.js"]) {
      describe(`${script} of v11.1.1`, () => playAll(script, () => browser));
    }
  });
}

// playAll plays all scenes with a script. The browser has started when a test runs.
function playAll(script, browser) {
  let pages;
  before(async () => { pages = await Promise.all([ours, theirs].map(({ url }) => open(browser(), script, url))); });
  after(() => Promise.all(pages?.map((page) => page.close()) ?? []));

  test("every kind of value to every kind of handler", async (t) => {
    const scenes = {};
    for (const handler of handlers) {
      for (const [name, given] of Object.entries(values)) {
        scenes[`${name} to ${handler}`] = [["a", "is connected"], ["a", "Emit", handler, ...given]];
      }
    }
    const told = Object.fromEntries((await compare(pages, scenes)).map(({ name, ...both }) => [name, both]));
    for (const [why, list] of Object.entries(differences)) {
      await t.test(why, () => {
        for (const [name, { then, now }] of Object.entries(list)) {
          assert.deepEqual(told[name].original, then, `${name}: what the old server does`);
          assert.deepEqual(told[name].mine, now, `${name}: what ours does`);
          delete told[name];
        }
      });
    }
    await t.test("and the same with all others", () => {
      const unexpected = Object.entries(told).filter(([, { mine, original }]) => JSON.stringify(mine) !== JSON.stringify(original));
      assert.deepEqual(Object.fromEntries(unexpected), {});
    });
  });

  test("every kind of value from the server", async () => {
    const kinds = ["string", "empty string", "int64", "float64", "true", "false", "bytes", "nil", "struct", "map", "slice", "native", "native, empty"];
    const scenes = Object.fromEntries(kinds.map((kind) => [kind, [["a", "is connected"], ["a", "Emit", "send", kind]]]));
    for (const { name, mine, original } of await compare(pages, scenes)) {
      assert.deepEqual(mine, original, name);
      assert.equal(mine.length, 1, name);
    }
  });

  test("native messages", async () => {
    const scenes = {};
    for (const message of ["hello", "a;b", "iris-websocket-message", "{}", " ", "üñí 👋"]) {
      scenes[message] = [["a", "is connected"], ["a", "EmitMessage", message]];
    }
    // An event to the old script, wherever in a message the prefix stands.
    scenes.within = [["a", "is connected"], ["a", "EmitMessage", "x iris-websocket-message:y"]];
    for (const { name, mine, original } of await compare(pages, scenes)) {
      assert.deepEqual(mine, original, name);
      assert.equal(mine.length, 1, name);
    }
  });

  test("messages as large as the old server took", async () => {
    const scenes = {
      event: [["a", "connect"], ["a", "EmitMessage", messageOf(1024, "iris-websocket-message:string;0;")]],
      native: [["a", "connect"], ["a", "EmitMessage", messageOf(1024)]],
    };
    for (const { name, mine, original } of await compare(pages, scenes)) {
      assert.deepEqual(mine, original, name);
      assert.equal(mine.length, 2, name);
    }
  });

  test("rooms, others and all", async () => {
    const three = [["a", "connect"], ["b", "connect"], ["c", "connect"]];
    const scenes = {
      "to a room": [...three, ["a", "Emit", "join", "red"], ["b", "Emit", "join", "red"], ["a", "Emit", "say", "red"], ["c", "Emit", "say", "red"]],
      "after leaving": [...three, ["a", "Emit", "join", "red"], ["b", "Emit", "join", "red"], ["a", "Emit", "leave", "red"], ["b", "Emit", "say", "red"], ["a", "Emit", "leave", "red"]],
      "a room never joined": [...three, ["a", "Emit", "leave", "blue"], ["b", "Emit", "say", "blue"]],
      "to myself": [...three, ["b", "Emit", "say to myself", "now"]],
      "to others": [...three, ["b", "Emit", "say to others", "now"]],
      "to all": [...three, ["b", "Emit", "say to all", "now"]],
      natively: [...three, ["b", "Emit", "say natively", "now"]],
    };
    for (const { name, mine, original } of await compare(pages, scenes)) {
      assert.deepEqual(mine, original, name);
    }
  });

  test("a disconnect by the server", async () => {
    const scene = [["a", "connect"], ["b", "connect"], ["a", "Emit", "kick", "now"], ["b", "hears", "a is gone"], ["a", "ends"]];
    const [{ mine, original }] = await compare(pages, { scene });
    assert.deepEqual(mine, original);
    assert.deepEqual(mine, ["a: connected", "a: disconnected", "b: connected", "b: a is gone"]);
  });

  for (const [bug, scenes] of Object.entries(bugs)) {
    test(`a bug of the old server's: ${bug}`, () => compareAll(pages, scenes));
  }

  for (const [what, scenes] of Object.entries(deliberate)) {
    test(`no bug, and yet other now: ${what}`, () => compareAll(pages, scenes));
  }

  test("a bug of the old server's: it is deadlocked by who emits to the room that is being left", async () => {
    const opening = [
      ["a", "connect"], ["b", "connect"], ["a", "Emit", "join", "red"], ["b", "Emit", "join", "red"],
      ["a", "Emit", "say when leaving", "now"], ["b", "Emit", "say", "red"],
    ];
    const leave = ["leave", "red"];
    const [now] = await play(pages[0], {
      now: [
        ...opening, ["a", "Emit", ...leave], ["a", "Emit", "say", "red"],
        ["a", "Emit", "join", "red"], ["a", "Disconnect"], ["b", "hears", "a is gone"], ["a", "ends"],
      ],
    });
    assert.deepEqual(now, [
      "a: connected", 'a: joined "red"', 'a: said "red"', 'a: said "goodbye to red"', 'a: left "true"', 'a: joined "red"', "a: disconnected",
      "b: connected", 'b: joined "red"', 'b: said "red"', 'b: said "goodbye to red"', 'b: said "red"', 'b: said "goodbye to red"', "b: a is gone",
    ]);

    const already = await deadlocks();
    const page = await open(browser(), script, theirs.toBeHung.pop());
    const [then] = await play(page, { then: [...opening, ["a", "ends the play with", ...leave]] });
    const late = AbortSignal.timeout(15_000);
    while (await deadlocks() === already) {
      late.throwIfAborted();
    }
    await page.close();
    assert.deepEqual(then, [
      "a: connected", 'a: joined "red"', 'a: said "red"',
      "b: connected", 'b: joined "red"', 'b: said "red"',
    ]);
  });
}
