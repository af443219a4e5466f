// Ways to load connect, and to wait for what it tells.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { WebSocket } from "ws";

import { root } from "./go.mjs";
import { Inbox } from "./wait.mjs";

globalThis.WebSocket ??= WebSocket; // Node 20 has none of its own

export const moduleFile = join(root, "iris-ws.mjs");

// The same client in both artefacts.
export const { connect } = await import(pathToFileURL(moduleFile));
export const { connect: connectOfScript } = createRequire(import.meta.url)(join(root, "iris-ws.js"));

// connectIn returns the connect of a script in a world of its own, with these globals.
export async function connectIn(vm, globals) {
  const world = vm.createContext({ WebSocket, TextEncoder, TextDecoder, Blob, setTimeout, clearTimeout, console, queueMicrotask, ...globals });
  vm.runInContext(await readFile(join(root, "iris-ws.js"), "utf8"), world);
  return world.Ws.connect;
}

// track keeps what a client tells of its life: an inbox for each callback.
export function track(ws) {
  const names = ["Connected", "Suspended", "Resumed", "Reconnecting", "Disconnected", "Lost", "Drain", "Error", "Message"];
  return Object.fromEntries(names.map((name) => {
    const box = new Inbox(`on${name}`);
    ws[`on${name}`](box.put);
    return [name[0].toLowerCase() + name.slice(1), box];
  }));
}

// begin connects a client for a test. It disconnects it at the end.
export function begin(t, address, options, how = connect) {
  const ws = how(address, options);
  t.after(() => ws.disconnect());
  return { ws, told: track(ws) };
}

// inboxOf keeps the payloads of an event.
export function inboxOf(ws, event) {
  const box = new Inbox(`the event "${event}"`);
  ws.on(event, box.put);
  return box;
}
