// A program without a contract: everything in it must compile.

import { connect } from "iris-ws";

interface Point {
  x: number;
}
class Place {
  constructor(readonly x: number) {}
  move() {}
}
const point: Point = { x: 1 };

const ws = connect("wss://example.com/ws");
ws.on("chat", (message) => message.text.length);
ws.on("chat", ({ text }) => text);
ws.on("typing", () => {});
ws.on("sum", async (numbers: number[]) => numbers.length);
ws.once("chat", (text: string) => text);
const values = [
  ws.emit("say", "hello"), ws.emit("leave"), ws.emit("leave", undefined), ws.emit("leave", null), ws.emit("n", 1),
  ws.emit("n", 1n), ws.emit("on", true), ws.emit("list", [1, "a", { b: null }]), ws.emit("list", [1, 2] as const),
  ws.emit("point", point), ws.emit("place", new Place(1)), ws.emit("point", { x: 1, bound: true }),
  ws.emit("record", {} as Record<string, number>), ws.emit("at", new Date()), ws.emit("empty", {}),
  ws.emit("bytes", new ArrayBuffer(1)), ws.emit("bytes", new Uint8Array(1)), ws.emit("bytes", new DataView(new ArrayBuffer(1))),
  ws.emit("bytes", new SharedArrayBuffer(1)), ws.emit("bytes", new Blob([])), ws.emit("bytes", new File([], "name")),
  ws.volatile.emit("place", point),
];
values.every((taken: boolean) => taken);

async function asks(anything: any) {
  const sum: number = await ws.ask("add", [1, 2]);
  const list = await ws.ask("list", undefined, { timeout: 1_000 });
  ws.emit("it", anything);
  return list.map((one: number) => one + sum);
}
asks(1);

// The address and the token: values, or functions.
connect(new URL("wss://example.com/ws"));
connect(() => "/ws", { token: "secret" });
connect(async () => new URL("wss://example.com/ws"), { token: () => null });
connect("/ws", { token: async () => undefined });
connect("/ws", {});
connect("/ws", { WebSocket });
connect("/ws", { WebSocket: class extends WebSocket {} });
connect("/ws", { WebSocket: Promise.resolve(WebSocket), timeout: undefined });
