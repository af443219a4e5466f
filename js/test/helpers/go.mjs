// Building and running the Go programs that the tests talk to.

import { execFile, spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
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

const programs = new Map(); // what is built, as promises

// buildProgram builds a package of the module, or of a nested one, unless it has built it
// before, or test/run.mjs has. It returns the file of the program, which is there until the
// tests end.
export function buildProgram(source, module = ".", ...flags) {
  const name = `${module} ${source}`;
  const program = programs.get(name) ?? build(source, module, flags);
  programs.set(name, program);
  return program;
}

async function build(source, module, flags) {
  const ready = process.env.TEST_PROGRAMS && join(process.env.TEST_PROGRAMS, basename(join(root, module, source)));
  if (ready && existsSync(ready)) {
    return ready;
  }
  const folder = await mkdtemp(join(tmpdir(), "iris-ws-test-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  const file = join(folder, "program");
  await promisify(execFile)("go", ["build", ...flags, "-o", file, source], { cwd: join(root, module) });
  return file;
}

// startProgram builds and starts a package of the module, and waits for the
// first line that it prints.
async function startProgram(source, { module, args = [] } = {}) {
  const file = await buildProgram(source, module);
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // however the tests end
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const line = await within(firstLine(child, ended, source), `the first line of ${source}`);

  const stop = async (end) => {
    end(child);
    await within(ended, `the end of ${source}`);
    process.removeListener("exit", kill);
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
// secureURL for those with TLS, its behindURL for a proxy that ends TLS, and its
// host goes into WebSocket addresses.
export async function startTestServer() {
  const program = await startProgram("./js/testserver");
  const [url, secureURL, behindURL] = program.line.split(" ");
  return {
    url,
    secureURL,
    behindURL,
    host: new URL(url).host,
    secureHost: new URL(secureURL).host,
    stop: () => program.stop((child) => child.stdin.end()),
  };
}

// startModernServer starts testserver for protocol 2, with flags such as
// "-ping=1s". kill ends it as a crash does, stop in an orderly way.
export async function startModernServer(...flags) {
  const program = await startProgram("./js/testserver", { args: ["modern", ...flags] });
  const url = program.line;
  return {
    url,
    host: new URL(url).host,
    address: `${url.replace("http", "ws")}/ws`,
    stop: () => program.stop((child) => child.stdin.end()),
    kill: () => program.stop((child) => child.kill("SIGKILL")),
  };
}

// startClassicServer starts the server of Iris v11.1.1 that old clients are
// compared with, and others for scenes that bring them to a standstill.
export async function startClassicServer() {
  const program = await startProgram(".", { module: "js/classicserver" });
  const [url, ...toBeHung] = program.line.split(" ");
  return { url, toBeHung, stop: () => program.stop((child) => child.stdin.end()) };
}

// moduleFolder returns where the module cache has what a module requires.
export async function moduleFolder(module, required) {
  const { stdout } = await promisify(execFile)("go", ["list", "-m", "-f", "{{.Dir}}", required], { cwd: join(root, module) });
  return stdout.trim();
}

// startExample builds and starts an example on a port of its own, and waits until
// it answers. Its arguments are those before the address.
export async function startExample(name, { scheme = "http", before = [], path = "/" } = {}) {
  const file = await buildProgram(`./examples/${name}`);
  const host = `127.0.0.1:${await freePort()}`;
  const child = spawn(file, [...before, host], { stdio: ["ignore", "ignore", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await within(ended, `the end of the example ${name}`);
    process.removeListener("exit", kill);
  };
  await within(answers(scheme, host, path, ended), `the example ${name} to answer`);
  return { url: `${scheme}://${host}`, host, file, stop };
}

// freePort returns a port that nobody listens on.
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// answers resolves when a server answers a request, whatever it answers.
async function answers(scheme, host, path, ended) {
  let gone = false;
  ended.then(() => { gone = true; });
  const { request } = scheme === "https" ? https : http;
  while (!gone) {
    const answered = await new Promise((resolve) => {
      const asked = request(`${scheme}://${host}${path}`, { rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve(true);
      });
      asked.once("error", () => resolve(false));
      asked.end();
    });
    if (answered) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // nothing announces that it listens
  }
  throw new Error("the program has ended");
}
