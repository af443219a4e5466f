// Building and running the Go programs that the tests talk to.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { within } from "./wait.mjs";

// root is the folder of the Go module.
export const root = fileURLToPath(new URL("../../..", import.meta.url));

// An interrupted test run ends like any other: with its programs.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => process.exit(1));
}

// buildProgram builds a package of the module. The folder that it puts the
// program into is for the caller to remove.
async function buildProgram(source) {
  const folder = await mkdtemp(join(tmpdir(), "iris-ws-test-"));
  const file = join(folder, "program");
  await promisify(execFile)("go", ["build", "-o", file, source], { cwd: root });
  return { folder, file };
}

// startProgram builds and starts a package of the module, and waits for the
// first line that it prints.
async function startProgram(source, ...programArguments) {
  const { folder, file } = await buildProgram(source);
  const child = spawn(file, programArguments, { stdio: ["pipe", "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // however the tests end
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const line = await within(firstLine(child, ended, source), `the first line of ${source}`);

  const stop = async (end) => {
    end(child);
    await within(ended, `the end of ${source}`);
    process.removeListener("exit", kill);
    await rm(folder, { recursive: true });
  };
  return { line, stop };
}

function firstLine(child, ended, source) {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    ended.then((code) => reject(new Error(`${source} exited with ${code} before it printed anything`)));
  });
}

// startTestServer starts testserver. Its url is for plain connections, its
// secureURL for those with TLS, and its host goes into WebSocket addresses.
export async function startTestServer() {
  const program = await startProgram("./js/testserver");
  const [url, secureURL] = program.line.split(" ");
  return {
    url,
    secureURL,
    host: new URL(url).host,
    secureHost: new URL(secureURL).host,
    stop: () => program.stop((child) => child.stdin.end()),
  };
}

// startChat starts the chat example on a port of its own.
export async function startChat() {
  const program = await startProgram("./examples/chat", "127.0.0.1:0");
  const address = /^Open (http:\/\/\S+) in two tabs/.exec(program.line);
  if (!address) {
    await program.stop((child) => child.kill());
    throw new Error(`the chat example printed ${JSON.stringify(program.line)}`);
  }
  return { url: address[1], stop: () => program.stop((child) => child.kill()) };
}
