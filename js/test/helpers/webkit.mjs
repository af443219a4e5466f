// A driver of WebKit: WebKitWebDriver by the HTTP of WebDriver, on a virtual screen. See
// browsers.mjs for what it offers.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { freePort } from "./go.mjs";
import { within } from "./wait.mjs";

// startDriver starts WebKitWebDriver on a virtual screen. xvfb-run ends the screen when the
// driver ends, so stop ends the driver alone.
async function startDriver() {
  const port = await freePort();
  // xvfb-run doesn't tell the driver's process id. The shell has the same one. The browser
  // has much to say about a machine without a desktop.
  const program = 'echo $$; exec "$0" "$@" 2>/dev/null';
  const child = spawn("xvfb-run", ["-a", "-s", "-screen 0 1280x1024x24 -noreset", "sh", "-c", program, "WebKitWebDriver", `--port=${port}`], {
    detached: true, // a group of its own, which ends as a whole if the tests are interrupted
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") { // all of them have ended
        throw error;
      }
    }
  };
  child.once("spawn", () => process.once("exit", kill));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const failed = new Promise((_, reject) => {
    child.once("error", reject);
    ended.then((code) => reject(new Error(`xvfb-run exited with ${code}`)));
  });
  failed.catch(() => {});
  const line = new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve));
  const pid = +await within(Promise.race([line, failed]), "xvfb-run");
  const send = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    }
    return value;
  };
  const ready = async () => {
    while (!await send("GET", "/status").then(({ ready }) => ready, () => false)) {
      await new Promise((resolve) => setTimeout(resolve, 20)); // nothing announces that it listens
    }
  };
  await within(Promise.race([ready(), failed]), "WebKitWebDriver");
  return {
    send,
    async stop() {
      process.kill(pid, "SIGINT"); // of which no shell tells
      await within(ended, "the end of WebKitWebDriver");
      kill(); // whatever is about to end
      process.removeListener("exit", kill);
    },
  };
}

// begin returns a script for the page. It starts a task, which leaves its result under a
// number, and collects the errors of the page from now on. The task is a part of the
// script: a strict page evaluates no text.
const begin = (number, task) => `
  if (!window.driven) {
    window.driven = { errors: [] };
    addEventListener("error", ({ message }) => driven.errors.push(message));
    addEventListener("unhandledrejection", ({ reason }) => driven.errors.push(String(reason)));
  }
  (async () => ${task})().then(
    (value) => { driven[${number}] = { value }; },
    (error) => { driven[${number}] = { error: error + "\\n" + Object(error).stack }; });`;

// look returns what a task has left, or null. Errors are told once.
// textOf returns an expression that calls a task with values.
export const textOf = (task, values) => `(${task})(...${JSON.stringify(values)})`;

const look = `
  const [number] = arguments;
  const { [number]: result = null, errors } = window.driven ?? { errors: [] };
  return { result, errors: errors.splice(0) };`;

// What the browser has to be. A page may open windows without a click.
const alwaysMatch = {
  acceptInsecureCerts: true,
  "webkitgtk:browserOptions": { args: ["--automation", "--javascript-can-open-windows-automatically=true"] },
};

export async function startWebKit() {
  const driver = await startDriver();
  const { sessionId, capabilities } = await driver.send("POST", "/session", { capabilities: { alwaysMatch } });
  const session = (method, path, body) => driver.send(method, `/session/${sessionId}${path}`, body);
  let last = Promise.resolve();
  let numbers = 0;
  // inWindow sends a command for a window. The driver has one window at a time, so one
  // command is sent at a time.
  const inWindow = (handle, method, path, body) => {
    const done = last.then(async () => {
      await session("POST", "/window", { handle });
      return session(method, path, body);
    });
    last = done.catch(() => {});
    return done;
  };
  const first = await session("GET", "/window"); // there always is one, from which others are opened

  return {
    version: capabilities.browserVersion,
    async openPage() {
      const { handle } = await inWindow(first, "POST", "/window/new", { type: "window" });
      const errors = [];
      const execute = (script, ...args) => inWindow(handle, "POST", "/execute/sync", { script, args });
      return {
        hasCache: true,
        back: () => inWindow(handle, "POST", "/back", {}),
        forward: () => inWindow(handle, "POST", "/forward", {}),
        goto: (url) => inWindow(handle, "POST", "/url", { url }),
        async run(task, ...values) {
          const number = ++numbers;
          await execute(begin(number, textOf(task, values)));
          // A script that waits would keep the driver from the other pages.
          for (;;) {
            const { result, errors: more } = await execute(look, number);
            errors.push(...more);
            if (result?.error) {
              throw new Error(result.error);
            }
            if (result) {
              return result.value;
            }
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        },
        complaints: () => errors.splice(0),
        close: () => inWindow(handle, "DELETE", "/window"),
      };
    },
    async close() {
      await session("DELETE", "");
      await driver.stop();
    },
  };
}
