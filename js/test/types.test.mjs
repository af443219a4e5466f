// The declarations: what must compile does, and what must not doesn't, each line of it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { connect } from "./helpers/modern.mjs";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const programs = join(packageFolder, "test/types");
const sources = (await readdir(programs)).filter((name) => name.endsWith(".ts"));
const readme = await readFile(join(packageFolder, "README.md"), "utf8");
const declarations = await readFile(join(packageFolder, "types/index.d.cts"), "utf8");
const directive = /^\s*\/\/ @ts-expect-error (TS\d+): ./;

const tsc = (folder, ...flags) => compile("typescript", folder, ...flags);

// compile compiles the programs of a folder. It returns the errors, such as "bad.ts:7 TS2345",
// or what else the compiler says.
async function compile(compiler, folder, ...flags) {
  const program = join(packageFolder, `node_modules/${compiler}/bin/tsc`);
  const { code, stdout } = await new Promise((resolve) =>
    execFile(process.execPath, [program, "-p", folder, "--pretty", "false", ...flags], (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout: stdout + stderr })));
  const errors = stdout.split("\n").filter((line) => line && !/^\s/.test(line)) // indented lines explain the one before
    .map((line) => line.replace(/^(?:.*\/)?(\S+\.ts)\((\d+),\d+\): error (TS\d+): .*/, "$1:$2 $3"));
  assert.equal(code !== 0, errors.length > 0, stdout);
  return errors;
}

// quoted returns the literals in a union of the declarations.
const quoted = (name) => [...new RegExp(`^export type ${name} =([^;]*);`, "m").exec(declarations.replace(/ *\/\*\*.*\*\/\n/g, ""))[1]
  .matchAll(/"(\w+)"/g)].map(([, literal]) => literal);

describe("the declarations and the client agree", () => {
  test("on the members of a client", () => {
    class Silent {
      close() {}
    }
    const ws = connect("wss://example.com/ws", { WebSocket: Silent });
    ws.disconnect();
    const [, body] = /^export interface Client<.*> \{\n([^]*?)^\}/m.exec(declarations);
    const declared = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\b[:(<]/gm)].map(([, name]) => name);
    assert.deepEqual([...new Set(declared)].sort(), Object.keys(ws).sort());
  });

  test("on states, codes and options", async () => {
    const source = await readFile(join(packageFolder, "src/connect.js"), "utf8");
    for (const state of quoted("State")) {
      assert.match(source, new RegExp(`"${state}"`));
    }
    for (const code of quoted("ClientErrorCode")) {
      assert.match(source, new RegExp(`"${code}"`));
    }
    const specification = await readFile(join(packageFolder, "../docs/PROTOCOL.md"), "utf8");
    for (const code of quoted("ServerErrorCode")) {
      assert.match(specification, new RegExp(`^\\| \`${code}\` \\|`, "m"));
    }
    const [, options] = /^export interface Options \{\n([^]*?)^\}/m.exec(declarations);
    const declared = [...options.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
    assert.deepEqual(declared.sort(), [...new Set([...source.matchAll(/\boptions\.(\w+)/g)].map(([, name]) => name))].sort());
  });
});

describe("the declarations", () => {
  let folder;

  // The package must be in a node_modules, as it is for its users.
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "iris-ws-types-"));
    await mkdir(join(folder, "node_modules"));
    await symlink(packageFolder, join(folder, "node_modules/iris-ws"));
    await cp(programs, join(folder, "as-they-are"), { recursive: true });
    await cp(programs, join(folder, "without-directives"), { recursive: true });
    for (const name of sources) {
      const text = await readFile(join(programs, name), "utf8");
      await writeFile(join(folder, "without-directives", name), text.replaceAll("@ts-expect-error", "here stood a directive:"));
    }
  });
  after(() => rm(folder, { recursive: true }));

  test("programs compile, and a line below a directive doesn't", async () => {
    assert.deepEqual(await tsc(join(folder, "as-they-are")), []);
  });

  test("without the directives, each of these lines has the error that its directive names", async () => {
    const expected = [];
    for (const name of sources) {
      const lines = (await readFile(join(programs, name), "utf8")).split("\n");
      lines.forEach((line, i) => {
        const [, code] = directive.exec(line) || [];
        assert.equal(line.includes("@ts-expect-error"), code !== undefined, `${name}:${i + 1} names no error`);
        code && expected.push(`${name}:${i + 2} ${code}`);
      });
    }
    assert.ok(expected.length > 50, "there are programs that must not compile");
    assert.deepEqual((await tsc(join(folder, "without-directives"))).sort(), expected.sort());
  });

  test("it is the same with the oldest TypeScript that the README names", async () => {
    const version = JSON.parse(await readFile(join(packageFolder, "node_modules/typescript-oldest/package.json"), "utf8")).version;
    assert.match(readme, new RegExp(`TypeScript ${version.replace(/\.\d+$/, "")} or later`));
    assert.deepEqual(await compile("typescript-oldest", join(folder, "as-they-are")), []);
  });

  for (const flags of [
    ["--module", "nodenext", "--moduleResolution", "nodenext"],
    ["--module", "preserve", "--customConditions", "browser"],
    ["--target", "ES2020", "--module", "esnext", "--verbatimModuleSyntax"],
    ["--noUncheckedIndexedAccess", "--noPropertyAccessFromIndexSignature", "--isolatedModules"],
    ["--exactOptionalPropertyTypes", "false"],
  ]) {
    test(`it is the same with ${flags.join(" ")}`, async () => {
      assert.deepEqual(await tsc(join(folder, "as-they-are"), ...flags), []);
    });
  }

  test("the programs in the README compile", async () => {
    const snippets = [...readme.matchAll(/^```(?:js|ts)\n(import [^]*?)^```$/gm)];
    assert.ok(snippets.length >= 3);
    const place = join(folder, "readme");
    await mkdir(place);
    await cp(join(programs, "tsconfig.json"), join(place, "tsconfig.json"));
    for (const [i, [, text]] of snippets.entries()) {
      await writeFile(join(place, `snippet${i}.ts`), text);
    }
    assert.deepEqual(await tsc(place), []);
  });

  for (const lib of ["ES2017", "ES2022,DOM", "ES2022,WebWorker"]) {
    test(`they need nothing but the library ${lib}`, async () => {
      const alone = join(folder, `alone-${lib}`);
      await mkdir(alone);
      const compilerOptions = { strict: true, noEmit: true, skipDefaultLibCheck: true, lib: lib.split(","), types: ["iris-ws/script"], module: "nodenext", target: "ES2017" };
      await writeFile(join(alone, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
      await writeFile(join(alone, "program.ts"), `import { connect } from "iris-ws";\nconnect("/ws").emit("it");\nnew Ws();\n`);
      assert.deepEqual(await tsc(alone), []);
    });
  }
});
