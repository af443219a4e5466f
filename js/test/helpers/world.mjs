// A world of its own for the script, with a clock, a page and sockets that the test moves.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import vm from "node:vm";

import { root } from "./go.mjs";
import { track } from "./modern.mjs";

const script = readFileSync(join(root, "iris-ws.js"), "utf8");

// settle lets everything happen that waits for nothing but its turn.
export async function settle() {
  for (let i = 0; i < 5; i++) {
    await new Promise(setImmediate);
  }
}

// plain copies what a world tells: its objects have prototypes of their own.
export const plain = (value) => value === undefined ? undefined : JSON.parse(JSON.stringify(value));

class FakeSocket {
  readyState = 0;
  protocol = "iris-ws.2";
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
  }

  send(message) {
    this.sent.push(message);
  }

  close(...how) {
    this.closed = how;
  }
}

// makeWorld makes a world whose connect is as in a page, or without one with page: false.
// With native: false, it has no WebSocket. globals are its own besides those that it needs.
export function makeWorld({ page = true, native = true, globals: own, url = "ws://example.com/ws", options, random = 0.5 } = {}) {
  let now = 1e12;
  let timers = [];
  const listeners = new Map();
  const sockets = [];
  const document = { hidden: false };
  const globals = {
    WebSocket: class extends FakeSocket {
      constructor(...given) {
        super(...given);
        sockets.push(this);
      }
    },
    TextEncoder, TextDecoder, Blob,
    Date: { now: () => now },
    setTimeout: (task, ms) => {
      const timer = { task, at: now + ms };
      timers.push(timer);
      return timer;
    },
    clearTimeout: (timer) => {
      timers = timers.filter((each) => each !== timer);
    },
    console: { error() {}, warn() {} },
    ...own,
  };
  if (!native) {
    delete globals.WebSocket;
  }
  if (page) {
    Object.assign(globals, {
      document,
      location: { protocol: "http:", host: "example.com" },
      addEventListener: (type, listener) => listeners.set(type, [...listeners.get(type) ?? [], listener]),
      removeEventListener: (type, listener) => listeners.set(type, (listeners.get(type) ?? []).filter((each) => each !== listener)),
    });
  }
  const context = vm.createContext(globals);
  vm.runInContext(script, context);
  vm.runInContext(`Math.random = () => ${random}`, context);
  const ws = context.Ws.connect(url, options);
  const world = {
    ws,
    told: track(ws),
    sockets,
    document,
    // newest returns the newest socket.
    newest: () => sockets.at(-1),
    // say has the newest socket deliver a message.
    say: (message) => sockets.at(-1).onmessage({ data: message }),
    // welcome opens the newest socket and welcomes the client.
    async welcome(fields) {
      await settle();
      const socket = sockets.at(-1);
      socket.onopen();
      socket.onmessage({ data: `;w;${JSON.stringify({ s: "S", k: "K", resumed: false, received: 0, ping: 40, max: 65536, window: 120, spread: 2000, ...fields })}` });
      await settle();
      return socket;
    },
    // hello returns what the newest socket said first.
    hello: () => JSON.parse(sockets.at(-1).sent[0].slice(3)),
    // close ends the newest socket as its server does.
    async close(code = 1006, reason = "") {
      sockets.at(-1).onclose({ code, reason });
      await settle();
    },
    // advance moves the clock. Timers run when they are due, or with late all at the end, as
    // after a sleep.
    async advance(ms, { late = false } = {}) {
      const end = now + ms;
      if (late) {
        now = end;
      }
      for (;;) {
        timers.sort((a, b) => a.at - b.at);
        if (!timers.length || timers[0].at > end) {
          break;
        }
        const timer = timers.shift();
        now = Math.max(now, timer.at);
        timer.task();
        await settle();
      }
      now = end;
    },
    // event tells the page something.
    async event(type, fields = {}) {
      (listeners.get(type) ?? []).forEach((listener) => listener({ type, ...fields }));
      await settle();
    },
    async show(visible) {
      document.hidden = !visible;
      await world.event("visibilitychange");
    },
    // waiting counts the timers.
    waiting: () => timers.length,
    // listening counts the listeners of the page's events.
    listening: () => [...listeners.values()].flat().length,
  };
  return world;
}
