// A program with a contract: each line below a directive must not compile.

import { connect } from "iris-ws";

interface Events {
  fromServer: {
    chat(message: { from: string; text: string }): void;
    typing(): void;
    "who are you?"(language: string): string;
    thumbnail(width: number): Uint8Array;
  };
  toServer: {
    say(text: string): void;
    leave(): void;
    upload(bytes: Uint8Array): number;
    add(numbers: [number, number]): number;
    index(entries: Map<string, string>): void;
  };
}

const ws = connect<Events>("/ws");

// Events of the server.
// @ts-expect-error TS2345: there is no such event
ws.on("chatt", () => {});
// @ts-expect-error TS2345: it goes the other way
ws.on("say", () => {});
// @ts-expect-error TS2339: no such field
ws.on("chat", ({ txt }) => txt);
// @ts-expect-error TS2345: another payload
ws.on("chat", (message: string) => message);
// @ts-expect-error TS2345: no payload
ws.on("typing", (who: string) => who);
// @ts-expect-error TS2345: off wants a name of the contract, too
ws.off("chatt");
// @ts-expect-error TS2345: once, too
ws.once("chatt", () => {});

// Replies to the server.
// @ts-expect-error TS2322: another reply
ws.on("who are you?", () => 42);
// @ts-expect-error TS2322: a promise of another reply
ws.on("who are you?", async () => 42);
// @ts-expect-error TS2345: the reply is forgotten
ws.on("who are you?", (language) => { language.trim(); });
// @ts-expect-error TS2322: no bytes
ws.on("thumbnail", (width) => "x".repeat(width));

// Events of the client.
// @ts-expect-error TS2345: there is no such event
ws.emit("sayy", "hello");
// @ts-expect-error TS2345: it goes the other way
ws.emit("chat", { from: "ann", text: "hello" });
// @ts-expect-error TS2345: another payload
ws.emit("say", 42);
// @ts-expect-error TS2554: the payload is missing
ws.emit("say");
// @ts-expect-error TS2554: no payload
ws.emit("leave", 1);
// @ts-expect-error TS2554: one payload
ws.emit("say", "hello", "world");
// @ts-expect-error TS2345: the promise is not awaited
ws.emit("say", Promise.resolve("hello"));
// @ts-expect-error TS2345: no bytes
ws.emit("upload", [1, 2, 3]);
// @ts-expect-error TS2345: a Map can't be sent
ws.emit("index", new Map());
// @ts-expect-error TS2345: volatile, too
ws.volatile.emit("say", 42);

// Asks.
// @ts-expect-error TS2345: there is no such event
ws.ask("addd", [1, 2]);
// @ts-expect-error TS2322: another payload
ws.ask("add", [1, "2"]);
// @ts-expect-error TS2561: no such option
ws.ask("add", [1, 2], { timeOut: 1_000 });
// @ts-expect-error TS2322: another reply
const sum: Promise<string> = ws.ask("add", [1, 2]);
// @ts-expect-error TS18047: an acknowledgement has no value
ws.ask("say", "hello").then((reply) => reply.length);
// @ts-expect-error TS2339: a promise is no reply
ws.ask("add", [1, 2]).toFixed();

// The contract.
// @ts-expect-error TS2344: no such direction
connect<{ toserver: { say(text: string): void } }>("/ws");
// @ts-expect-error TS2344: an event is a function
connect<{ toServer: { say: string } }>("/ws");
// @ts-expect-error TS2344: an event has one payload
connect<{ toServer: { say(text: string, to: string): void } }>("/ws");
// @ts-expect-error TS2345: a direction that is left out has no events
connect<{ toServer: { say(text: string): void } }>("/ws").on("chat", () => {});

// Presence.
// @ts-expect-error TS2554: a listener is needed
ws.presence("lobby");
// @ts-expect-error TS2345: the name of a room is a string
ws.presence(5, () => {});
// @ts-expect-error TS2339: the list is for reading
ws.presence("lobby", (people) => people.sort());
// @ts-expect-error TS18048: at first there is no change
ws.presence("lobby", (_, change) => change.joined);
// @ts-expect-error TS2349: the function comes later
ws.presence("lobby", () => {})();

// The life of the client.
// @ts-expect-error TS2367: no such state
ws.state === "open";
// @ts-expect-error TS2540: the state is for reading
ws.state = "connected";
// @ts-expect-error TS2339: no such field
ws.onReconnecting(({ tries }) => tries);
// @ts-expect-error TS2551: no such callback
ws.onConnect(() => {});
// @ts-expect-error TS2345: a listener is a function
ws.onResumed("resumed");
// @ts-expect-error TS2367: a reason that there is
ws.onLost((_, { why }) => why === "lost");
// @ts-expect-error TS2367: a name of the contract, or null
ws.onLost(([lost]) => lost?.event === "chat");
