// The npm package: packed, installed elsewhere, and used as its users do. Each program
// asks the server of the tests.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { root, startModernServer } from "./helpers/go.mjs";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const { devDependencies, ...manifest } = JSON.parse(await readFile(join(packageFolder, "package.json"), "utf8"));

// run runs a program in a folder until its end. It returns the exit code, and what it prints.
const run = (cwd, program, ...args) => new Promise((resolve) =>
  execFile(program, args, { cwd, timeout: 120_000 }, (error, stdout, stderr) =>
    resolve({ code: error ? error.code : 0, stdout, stderr })));

async function succeed(cwd, program, ...args) {
  const { code, stdout, stderr } = await run(cwd, program, ...args);
  assert.equal(code, 0, `${program} ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

const npm = (cwd, ...args) => succeed(cwd, "npm", ...args, "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error");

// Node's own WebSocket, whatever the version of Node. A version that knows no such flag has it.
const withOwn = process.allowedNodeEnvironmentFlags.has("--experimental-websocket") ? ["--experimental-websocket"] : [];
const withoutOwn = ["--import", "data:text/javascript,delete globalThis.WebSocket"];

// ask is the rest of a program that has connect: it prints what the server replies.
const ask = (contract = "") => `
const ws = connect${contract}(process.argv[2]);
ws.ask("add", [1, 2]).then((sum) => {
  console.log("sum", sum);
  ws.disconnect();
}, (error) => {
  console.error(error);
  process.exit(1);
});
`;
const programs = {
  "esm.mjs": `import { connect } from "iris-ws";${ask()}`,
  "commonjs.cjs": `const { connect } = require("iris-ws");${ask()}`,
};

const contract = `
interface Events {
  toServer: { add(numbers: [number, number]): number };
}
declare const process: { argv: [string, string, string]; exit(code: number): never };
`;

let work, server;
const withWS = () => join(work, "with-ws"), withoutWS = () => join(work, "without-ws");

before(async () => {
  work = await mkdtemp(join(tmpdir(), "iris-ws-package-"));
  const [{ filename }] = JSON.parse(await npm(packageFolder, "pack", "--json", "--pack-destination", work));
  for (const [folder, more] of [[withoutWS(), []], [withWS(), [`ws@${devDependencies.ws}`]]]) {
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), `{ "private": true }`);
    await npm(folder, "install", join(work, filename), ...more);
    for (const [name, text] of Object.entries(programs)) {
      await writeFile(join(folder, name), text);
    }
  }
  server = await startModernServer();
});
after(async () => {
  await server?.stop();
  await rm(work, { recursive: true });
});

const asks = async (folder, ...args) =>
  assert.equal(await succeed(folder, process.execPath, ...args, server.address), "sum 3\n");

describe("Node", () => {
  for (const name of Object.keys(programs)) {
    test(`${name} with the WebSocket of Node, without ws`, () => asks(withoutWS(), ...withOwn, name));
    test(`${name} with ws`, () => asks(withWS(), ...withoutOwn, name));

    test(`${name} without any WebSocket throws at once, and says what to do`, async () => {
      const { code, stderr } = await run(withoutWS(), process.execPath, ...withoutOwn, name, server.address);
      assert.equal(code, 1);
      assert.match(stderr, /Error: iris-ws: this Node has no WebSocket; install the package ws, or use Node 22 or later/);
    });
  }

  test("a WebSocket of the options comes first, and options may change later", async () => {
    await writeFile(join(withoutWS(), "options.mjs"), `
import { connect } from "iris-ws";
let made = 0;
class Counted extends WebSocket {
  constructor(...args) {
    super(...args);
    made++;
  }
}
const options = {}, late = connect(process.argv[2], options), ws = connect(process.argv[2], { WebSocket: Counted });
options.timeout = 1;
const { code } = await late.ask("wait").catch((error) => error);
console.log("sum", await ws.ask("add", [1, 2]), "made", made, code);
ws.disconnect();
late.disconnect();
`);
    assert.equal(await succeed(withoutWS(), process.execPath, ...withOwn, "options.mjs", server.address), "sum 3 made 1 timeout\n");
  });
});

describe("bundles of esbuild", () => {
  // bundle makes a bundle of a program. It returns the modules in it.
  const bundle = async (folder, entry, options) => {
    const { metafile, warnings } = await build({
      absWorkingDir: folder,
      entryPoints: [entry],
      bundle: true,
      metafile: true,
      logLevel: "silent",
      ...options,
    });
    assert.deepEqual(warnings, []);
    return Object.keys(metafile.inputs);
  };

  for (const [format, entry] of [["esm", "esm.mjs"], ["iife", "esm.mjs"], ["iife", "commonjs.cjs"]]) {
    const outfile = `bundle-of-${entry}.${format}.${format === "esm" ? "mjs" : "cjs"}`;

    test(`for browsers, ${format} of ${entry}: whole, and without ws`, async () => {
      // ws is there, and there are bundlers with the condition node for pages: nothing may find it.
      const inputs = await bundle(withWS(), entry, { platform: "browser", conditions: ["node"], format, outfile, minify: true });
      assert.deepEqual(inputs.sort(), [entry, `node_modules/iris-ws/dist/index.${entry.slice(-3)}`].sort());
      assert.doesNotMatch(await readFile(join(withWS(), outfile), "utf8"), /\b(require|import)\s*\(|\bfrom\s*"/);
      await asks(withWS(), ...withOwn, outfile);
    });
  }

  test("for Node, with ws in it", async () => {
    const inputs = await bundle(withWS(), "esm.mjs", { platform: "node", format: "cjs", outfile: "node.cjs" });
    assert.ok(inputs.includes("node_modules/iris-ws/dist/node.mjs"), inputs.join());
    assert.ok(inputs.some((input) => input.startsWith("node_modules/ws/")), inputs.join());
    await writeFile(join(work, "moved.cjs"), await readFile(join(withWS(), "node.cjs"))); // away from node_modules
    await asks(work, ...withoutOwn, "moved.cjs");
  });

  test("for Node, where ws isn't installed", async () => {
    await bundle(withoutWS(), "esm.mjs", { platform: "node", format: "esm", outfile: "node.mjs" });
    await asks(withoutWS(), ...withOwn, "node.mjs");
  });

  test("an import that isn't used leaves nothing", async () => {
    await writeFile(join(withoutWS(), "unused.mjs"), `import { connect } from "iris-ws";`);
    for (const platform of ["browser", "node"]) {
      await bundle(withoutWS(), "unused.mjs", { platform, format: "esm", outfile: "unused.out.mjs" });
      assert.equal((await readFile(join(withoutWS(), "unused.out.mjs"), "utf8")).replace(/^\/\/.*$/gm, "").trim(), "");
    }
  });
});

describe("TypeScript", () => {
  const sources = {
    "program.mts": `import { connect } from "iris-ws";${contract}${ask("<Events>")}`,
    "program.cts": `import { connect } from "iris-ws";${contract}${ask("<Events>")}`,
    "required.cts": `import iris = require("iris-ws");\nconst { connect } = iris;${contract}${ask("<Events>")}`,
  };
  const compiler = join(packageFolder, "node_modules/typescript/bin/tsc");

  before(async () => {
    for (const [name, text] of Object.entries(sources)) {
      await writeFile(join(withoutWS(), name), text);
    }
  });

  for (const name of Object.keys(sources)) {
    test(`${name} compiles and runs`, async () => {
      const flags = ["--strict", "--module", "node16", "--target", "ES2022", "--lib", "ES2022,DOM", "--types", "", "--skipDefaultLibCheck"];
      await succeed(withoutWS(), process.execPath, compiler, ...flags, name);
      await asks(withoutWS(), ...withOwn, name.replace("ts", "js"));
    });
  }

  for (const [what, message] of [["payload", `"add", [1, "2"]`], ["event", `"sub", [1, 2]`]]) {
    test(`another ${what} does not compile`, async () => {
      const name = `other-${what}.mts`;
      await writeFile(join(withoutWS(), name), sources["program.mts"].replace(`"add", [1, 2]`, message));
      const flags = ["--strict", "--noEmit", "--module", "node16", "--lib", "ES2022,DOM", "--types", "", "--skipDefaultLibCheck"];
      const { code, stdout } = await run(withoutWS(), process.execPath, compiler, ...flags, name);
      assert.notEqual(code, 0);
      assert.match(stdout, new RegExp(`^${name}\\(8,\\d+\\): error`), stdout);
    });
  }
});

test("the package holds what its users need, and nothing else", async () => {
  const list = await succeed(withoutWS(), process.execPath, "-e",
    `console.log(require("fs").readdirSync("node_modules/iris-ws", { recursive: true }).sort().join("\\n"))`);
  assert.deepEqual(list.trim().split("\n"), [
    "LICENSE", "README.md", "dist", "dist/index.cjs", "dist/index.mjs", "dist/node.cjs", "dist/node.mjs", "dist/websocket.cjs",
    "package.json", "types", "types/index.d.cts", "types/index.d.mts", "types/script.d.ts",
  ]);
  assert.equal(await readFile(join(packageFolder, "LICENSE"), "utf8"), await readFile(join(root, "LICENSE"), "utf8"));
  assert.equal(manifest.dependencies, undefined, "browsers need no dependency");
});
