// A program that connects to the address it is given, by the WebSocket of Node itself, or
// where that has none by the package ws. It prints, as JSON, which one it was, and what it
// received.

import { connect } from "../../../iris-ws.mjs";

const own = typeof WebSocket === "function";
const ws = connect(process.argv[2], { WebSocket: own ? WebSocket : import("ws").then((module) => module.WebSocket) });
const answers = [
  await ws.ask("add", [1, 2]),
  await ws.ask("echo", { a: [1] }),
  [...await ws.ask("echo bytes", Uint8Array.of(0, 255))],
];
const message = new Promise((resolve) => ws.onMessage(resolve));
ws.send(Uint8Array.of(1, 255));
answers.push([...await message]);
ws.disconnect();
console.log(JSON.stringify({ own, answers })); // and nothing keeps Node from ending
