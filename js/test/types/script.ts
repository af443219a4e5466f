/// <reference types="iris-ws/script" />
// A page with the script, and one with the module of its server: everything must compile.

import { connect, type Client } from "/iris-ws.mjs";
import { connect as behindProxy } from "./prefix/iris-ws.mjs";

const ws = new Ws("/ws");
ws.OnConnect(() => ws.Emit("chat", { text: "hello" }));
ws.OnDisconnect(() => {});
ws.OnMessage((message) => typeof message === "string" ? message.length : message.byteLength);
ws.On("chat", (text) => text.length);
ws.On("picture", (bytes: ArrayBuffer) => bytes.byteLength);
ws.EmitMessage("hello");
ws.Disconnect();
new Ws();
new Ws("wss://example.com/ws", ["chat"]);

interface Events {
  toServer: { say(text: string): void };
}
const modern: Client<Events> = Ws.connect<Events>();
modern.emit("say", "hello");
connect<Events>("/ws").emit("say", "hello");
connect().on("chat", (message) => message.text);
behindProxy(undefined, { token: "secret" });
