// Ways to load the client, other than with a page.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import vm from "node:vm";

import { WebSocket } from "ws";

import { root } from "./go.mjs";
import { Inbox, within } from "./wait.mjs";

globalThis.WebSocket = WebSocket; // Node 20 has none of its own

export const clientFile = join(root, "iris-ws.js");
export const clientSource = readFileSync(clientFile, "utf8");

// Ws is the client as Node loads it.
export const Ws = createRequire(import.meta.url)(clientFile);

// fetchScript returns a script as a server serves it.
export async function fetchScript(address) {
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(`${address}: ${response.status}`);
  }
  return response.text();
}

// evaluate runs a script in a world of its own, which has nothing but what
// globals lists, and returns the Ws that it defines there. The address is where
// it seems to come from to itself, as a module or in a worker.
export function evaluate(source, globals, address) {
  const world = vm.createContext({ ...globals });
  vm.runInContext(source, world, { filename: address });
  return world.Ws;
}

// opened resolves when the connection stands.
export function opened(ws) {
  return within(new Promise((resolve) => ws.OnConnect(resolve)), "the connection");
}

// disconnected resolves when the connection has ended.
export function disconnected(ws) {
  return within(new Promise((resolve) => ws.OnDisconnect(resolve)), "the end of the connection");
}

// inbox keeps what the listeners of an event are called with; without an event,
// those of native messages.
export function inbox(ws, event) {
  if (event === undefined) {
    const natives = new Inbox("a native message");
    ws.OnMessage(natives.put);
    return natives;
  }
  const messages = new Inbox(`the event "${event}"`);
  ws.On(event, messages.put);
  return messages;
}
