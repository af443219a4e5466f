/// <reference types="iris-ws/script" />
// A page with the script, and one with the module of its server: each line below a
// directive must not compile.

import { connect } from "/iris-ws.mjs";

// @ts-expect-error TS2348: it is a class
Ws("/ws");
const ws = new Ws();
// @ts-expect-error TS2551: this is the modern client's
ws.on("chat", () => {});
// @ts-expect-error TS2345: a function can't be sent
ws.Emit("it", () => 1);
// @ts-expect-error TS2345: a payload is a text, or bytes
ws.On("chat", (message: { text: string }) => message);
// @ts-expect-error TS2353: an object has no text of its own
ws.EmitMessage({ text: "hello" });
// @ts-expect-error TS2345: no such event
connect<{ toServer: { say(text: string): void } }>().emit("sayy", "hello");
// @ts-expect-error TS2345: another payload
Ws.connect<{ toServer: { say(text: string): void } }>().emit("say", 42);
