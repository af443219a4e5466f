// Runs the JavaScript and the TypeScript of docs/CLIENTS.md and docs/MIGRATING.md, with
// the server of docs/CLIENTS.md.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import { transform } from "esbuild";

import { limits } from "../build.mjs";
import { freePort, root } from "./helpers/go.mjs";
import { connect } from "./helpers/modern.mjs";
import { documentedBlocks } from "./helpers/proxies.mjs";
import { within } from "./helpers/wait.mjs";

const { connect: connectOfWs } = createRequire(import.meta.url)(join(root, "iris-ws.js"));
const AsyncFunction = (async () => {}).constructor;

const blocks = (await documentedBlocks(["go", "js", "ts"])).filter(({ file }) => file === "docs/CLIENTS.md");
const snippets = blocks.filter(({ language }) => language !== "go");

let server;
let address;

before(async () => {
  const { text } = blocks.find(({ language, text }) => language === "go" && text.includes("websocket.New("));
  server = await startSource(text);
  address = `ws://${server.host}/ws`;
});

after(() => server?.stop());

// startSource builds a program and starts it. The program must listen on ":8080".
async function startSource(text) {
  const folder = await mkdtemp(join(tmpdir(), "iris-ws-docs-"));
  const [source, overlay, file] = ["main.go", "overlay.json", "program"].map((name) => join(folder, name));
  const host = `127.0.0.1:${await freePort()}`;
  assert.equal(text.split('":8080"').length, 2);
  await writeFile(source, text.replace('":8080"', JSON.stringify(host)));
  await writeFile(overlay, JSON.stringify({ Replace: { [join(root, "docs/documented/main.go")]: source } }));
  await promisify(execFile)("go", ["build", "-ldflags=-s -w", "-overlay", overlay, "-o", file, "./docs/documented"], { cwd: root });
  const child = spawn(file, { stdio: ["ignore", "ignore", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // however the tests end
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await within(listens(host, ended), "the documented server to listen");
  const stop = async () => {
    kill();
    await within(ended, "the end of the documented server");
    process.removeListener("exit", kill);
    await rm(folder, { recursive: true });
  };
  return { host, stop };
}

async function listens(host, ended) {
  let gone = false;
  ended.then(() => { gone = true; });
  while (!gone) {
    const accepted = await new Promise((resolve) => {
      const socket = connectSocket(host.split(":")[1], "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (accepted) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // nothing announces that it listens
  }
  throw new Error("the program has ended");
}

// run runs a snippet. Each of its clients connects to the server. No client may have an
// error. It returns what the snippet logs, a text for each call.
async function run(t, text) {
  const clients = [], errors = [], logged = [];
  const connectTo = (how) => (url, options) => {
    const ws = how(address, options);
    t.after(() => ws.disconnect());
    ws.onError((error) => errors.push(error));
    clients.push(ws);
    return ws;
  };
  const page = {
    connect: connectTo(connect),
    ws: connectTo(connect)(),
    Ws: { connect: connectTo(connectOfWs) },
    console: { log: (...values) => logged.push(values.join(" ")) },
    document: { getElementById: () => ({}) },
    fetch: async () => new Response("a token"),
    login: async () => {},
    show: () => {},
    read: () => "a token",
    item: { a: 1 },
  };
  const body = text.replace(/^import .*$/gm, "");
  const { code } = await transform(`(async () => {\n${body}\n})`, { loader: "ts", target: "es2022" });
  await within(new AsyncFunction(...Object.keys(page), `return ${code.trim().replace(/;$/, "")}();`)(...Object.values(page)), "the end of the snippet");
  for (const ws of clients.filter(({ state }) => state !== "disconnected")) {
    assert.equal(await ws.ask("add", [20, 3]), 23);
  }
  assert.deepEqual(errors, []);
  return logged;
}

describe("docs/CLIENTS.md", () => {
  for (const [i, { heading, text }] of snippets.entries()) {
    test(`${i + 1}, under "${heading}"`, async (t) => {
      // A comment behind a line that logs says what is logged.
      const expected = [...text.matchAll(/console\.log\([^\n]*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
      const logged = await run(t, text);
      assert.deepEqual(expected.filter((line) => !logged.includes(line)), []);
    });
  }

  test("there are snippets", () => assert.ok(snippets.length > 10));

  test("the sizes are those that the build keeps", async () => {
    const document = await readFile(join(root, "docs/CLIENTS.md"), "utf8");
    const sizes = [...document.matchAll(/^\| `\/(iris-ws\.m?js)`.* \| ([\d.]+) kB \|$/gm)];
    assert.deepEqual(Object.fromEntries(sizes.map(([, name, size]) => [name, Math.round(size * 1000)])), limits);
  });

  test("the TypeScript fits the declarations", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "iris-ws-docs-"));
    t.after(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, "node_modules"));
    await symlink(join(root, "js"), join(folder, "node_modules/iris-ws"));
    await cp(join(root, "js/test/types/tsconfig.json"), join(folder, "tsconfig.json"));
    const [{ text }, ...more] = snippets.filter(({ language }) => language === "ts");
    assert.equal(more.length, 0);
    await writeFile(join(folder, "right.ts"), text);
    await writeFile(join(folder, "wrong.ts"), text.replace('"add", [1, 2]', '"add", "1, 2"'));
    const compiler = join(root, "js/node_modules/typescript/bin/tsc");
    const { stdout, code } = await promisify(execFile)(process.execPath, [compiler, "-p", folder, "--pretty", "false"])
      .catch((error) => error);
    assert.ok(code);
    assert.match(stdout, /wrong\.ts/);
    assert.doesNotMatch(stdout, /right\.ts/);
  });
});

describe("README.md", async () => {
  const document = await readFile(join(root, "README.md"), "utf8");
  const modern = [...document.matchAll(/^```js\n([^]*?)^```$/gm)].filter(([, text]) => text.includes("Ws.connect("));
  test("there is a snippet", () => assert.equal(modern.length, 1));
  for (const [, text] of modern) {
    test("the snippet runs", (t) => run(t, text));
  }
});

describe("docs/MIGRATING.md", async () => {
  const document = await readFile(join(root, "docs/MIGRATING.md"), "utf8");
  for (const title of ["From new Ws to Ws.connect", "From socket.io-client", "From neffos.js"]) {
    const section = document.split(`\n## ${title}\n`)[1].split("\n## ")[0];
    const rows = [...section.matchAll(/^\| `(.*)`.* \| (.*) \|$/gm)];
    test(`${title} has rows`, () => assert.ok(rows.length >= 10));
    for (const [, then, cell] of rows) {
      const now = /^`([^`]*)`/.exec(cell)?.[1];
      if (now && !cell.includes("a handler on the server")) {
        test(`${title}: ${then}`, (t) => run(t, now));
      }
    }
  }
});
