// Tests of pages with the clients of Iris v11.1.1, which nobody can update: they
// go through the same with our server as with the server of their time. The old
// scripts and the old server come from the module cache.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { launchBrowser } from "./helpers/browser.mjs";
import { moduleFolder, root, startClassicServer, startTestServer } from "./helpers/go.mjs";
import { differences, values } from "./helpers/oldclients.mjs";

const handlers = ["string", "int", "bool", "bytes", "any", "nothing"];

let browser;
let ours;
let theirs;
const scripts = {};

before(async () => {
  [browser, ours, theirs] = await Promise.all([launchBrowser(), startTestServer(), startClassicServer()]);
  const folder = await moduleFolder("js/classicserver", "github.com/kataras/iris");
  for (const name of ["client.js", "client.min.js"]) {
    scripts[name] = await readFile(join(folder, "websocket", name), "utf8");
  }
});

after(async () => {
  await browser?.close();
  await ours?.stop();
  await theirs?.stop();
});

// play runs scenes in a page of a server with an old client. A scene is a list of
// steps, [who, method, ...arguments]; it returns what each client was told, in
// order. Each scene has connections of its own.
async function play(script, server, scenes) {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(server.url);
  await page.addScriptTag({ content: scripts[script] });
  const told = await page.evaluate(playInPage, { address: `ws://${new URL(server.url).host}/classic`, scenes });
  await page.close();
  return told;
}

// playInPage runs in the page.
async function playInPage({ address, scenes }) {
  const events = ["got", "sent", "joined", "left", "said"];
  const patience = 15_000;
  const all = [];
  for (const scene of scenes) {
    const told = [];
    const clients = {};
    const names = {}; // of this scene's connections, by their IDs

    const connect = (who) => new Promise((resolve, reject) => {
      const ws = new globalThis.Ws(address);
      const client = { ws, ended: false, gone: new Set(), wake: () => {} };
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
      // Who is gone is no news of this scene if it was in an earlier one, and
      // the old server may say so twice.
      ws.On("gone", (id) => {
        if (names[id] && !client.gone.has(id)) {
          client.gone.add(id);
          tell(`${names[id]} is gone`);
        }
      });
      clients[who] = client;
    });

    // until waits for a condition that a client's listeners bring about.
    const until = (what, condition) => new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`waited in vain for ${what}; told: ${told.join(", ")}`)), patience);
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

    // settle waits until a client has been told all that its server knew of.
    const settle = async (client) => {
      client.settled = false;
      if (!client.ended) {
        client.ws.Emit("string", "the end of a step");
      }
      await until("the end of a step", () => client.settled || client.ended);
    };

    for (const [who, method, ...given] of scene) {
      if (method === "connect") {
        await connect(who);
      } else if (method === "hears") {
        await until(given[0], () => told.some((line) => line === `${who}: ${given[0]}`));
      } else if (method === "ends") {
        await until("the end", () => clients[who].ended);
      } else {
        try {
          clients[who].ws[method](...given);
        } catch {
          told.push(`${who}: threw`); // the old script does, for null
        }
        if (method !== "Disconnect") {
          await settle(clients[who]);
        }
      }
      for (const client of Object.values(clients)) {
        await settle(client);
      }
    }
    all.push(told.slice());
    for (const client of Object.values(clients)) {
      client.ws.conn.close();
    }
  }
  return all;
}

// compare plays scenes, by their names, with an old client and both servers.
async function compare(script, scenes) {
  const names = Object.keys(scenes);
  const [mine, original] = await Promise.all([ours, theirs].map((server) => play(script, server, Object.values(scenes))));
  return names.map((name, i) => ({ name, mine: mine[i], original: original[i] }));
}

test("the program is that of v11 after the change of an import and of one call", async () => {
  const [now, then] = await Promise.all(["testserver", "classicserver"].map((name) => readFile(join(root, "js", name, "setup.go"), "utf8")));
  assert.equal(now, then
    .replace('"github.com/kataras/iris"\n', '"github.com/kataras/iris/v12"\n')
    .replace("websocket.New(websocket.Config{})", "websocket.NewServer(websocket.Config{})"));
});

for (const script of ["client.js", "client.min.js"]) {
  describe(`${script} of v11.1.1`, () => {
    test("every kind of value to every kind of handler", async () => {
      const scenes = {};
      for (const handler of handlers) {
        for (const [name, given] of Object.entries(values)) {
          scenes[`${name} to ${handler}`] = [["a", "connect"], ["a", "Emit", handler, ...given]];
        }
      }
      const unexpected = {};
      const met = new Set();
      for (const { name, mine, original } of await compare(script, scenes)) {
        const difference = differences[name];
        if (difference) {
          met.add(name);
          assert.deepEqual(original.slice(1), difference.then, `${name}: what the old server does`);
          assert.deepEqual(mine.slice(1), difference.now, `${name}: what ours does (${difference.why})`);
        } else if (JSON.stringify(mine) !== JSON.stringify(original)) {
          unexpected[name] = { mine, original };
        }
      }
      assert.deepEqual(unexpected, {}, "each difference has its reason");
      assert.deepEqual([...met].sort(), Object.keys(differences).sort());
    });

    test("every kind of value from the server", async () => {
      const kinds = ["string", "empty string", "int64", "float64", "true", "false", "bytes", "nil", "struct", "map", "slice", "native", "native, empty"];
      const scenes = Object.fromEntries(kinds.map((kind) => [kind, [["a", "connect"], ["a", "Emit", "send", kind]]]));
      for (const { name, mine, original } of await compare(script, scenes)) {
        assert.deepEqual(mine, original, name);
        assert.equal(mine.length, 2, name);
      }
    });

    test("an int from the server, which used to arrive empty", async () => {
      const [{ mine, original }] = await compare(script, { int: [["a", "connect"], ["a", "Emit", "send", "int"]] });
      assert.deepEqual(original, ["a: connected", 'a: sent ""']);
      assert.deepEqual(mine, ["a: connected", 'a: sent "42"']);
    });

    test("native messages", async () => {
      const scenes = {};
      for (const message of ["hello", "a;b", "iris-websocket-message", "{}", " ", "üñí 👋"]) {
        scenes[message] = [["a", "connect"], ["a", "EmitMessage", message]];
      }
      // An event to the old script, wherever in a message the prefix stands.
      scenes.within = [["a", "connect"], ["a", "EmitMessage", "x iris-websocket-message:y"]];
      for (const { name, mine, original } of await compare(script, scenes)) {
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
      for (const { name, mine, original } of await compare(script, scenes)) {
        // Which of several clients is told first says nothing.
        assert.deepEqual(mine.toSorted(), original.toSorted(), name);
      }
    });

    test("disconnects", async () => {
      const two = [["a", "connect"], ["b", "connect"]];
      const scenes = {
        "by the client": [...two, ["a", "Disconnect"], ["b", "hears", "a is gone"], ["a", "ends"]],
        "by the server": [...two, ["a", "Emit", "kick", "now"], ["b", "hears", "a is gone"], ["a", "ends"]],
        "from a room": [...two, ["a", "Emit", "join", "red"], ["b", "Emit", "join", "red"], ["a", "Disconnect"], ["b", "hears", "a is gone"], ["b", "Emit", "say", "red"]],
      };
      for (const { name, mine, original } of await compare(script, scenes)) {
        assert.deepEqual(mine.toSorted(), original.toSorted(), name);
      }
    });
  });
}
