// Runs all tests. It builds Go programs that several files need, once for all of them, and
// runs files at the same time: much of what they do is waiting.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = join(folder, "../..");

// An interrupted run ends its files, which end their programs, and leaves nothing behind.
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => interruption.abort());
}

const programs = mkdtempSync(join(tmpdir(), "iris-ws-programs-"));
process.once("exit", () => rmSync(programs, { recursive: true }));
process.env.TEST_PROGRAMS = programs; // helpers/go.mjs looks there
const build = (module, ...sources) => promisify(execFile)(
  "go", ["build", "-ldflags=-s -w", "-o", `${programs}/`, ...sources], { cwd: join(root, module), signal: interruption.signal });
await build(".", "./js/testserver", "./examples/...");
await build("js/classicserver", ".");

// Those in browsers take longest, so they begin first. But examples/cluster takes longest to
// build. When test.sh runs the tests of Go at the same time, they have built most of it by
// the end.
const rank = (name) => name === "cluster.browser.test.mjs" ? 2 : name.includes(".browser.") ? 0 : 1;
const files = readdirSync(folder).filter((name) => name.endsWith(".test.mjs")).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));

run({ files: files.map((name) => join(folder, name)), concurrency: Math.max(2, availableParallelism()), signal: interruption.signal })
  .on("test:fail", () => { process.exitCode = 1; })
  .compose(new spec())
  .pipe(process.stdout);
