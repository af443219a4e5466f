// A program with a contract: everything in it must compile.

import { connect, type Client, type LostMessage, type NameOf, type Person, type PresenceChange, type Stop, type WsError } from "iris-ws";

interface Message {
  from: string;
  text: string;
}

interface Events {
  fromServer: {
    chat(message: Message): void;
    typing(): void;
    picture(bytes: Uint8Array): void;
    total(sum: bigint): void;
    created(at: Date): void;
    color(name: "red" | "blue"): void;
    "who are you?"(language: string): string;
    thumbnail(width: number): Uint8Array;
    maybe(): number | undefined;
    anything(data: any): any;
  };
  toServer: {
    say(text: string): void;
    leave(): void;
    move(place: { x: number; y: number } | null): void;
    upload(bytes: Uint8Array): number;
    count(to: bigint): bigint;
    add: (numbers: [number, number]) => number;
    find(name?: string): Promise<Message[]>;
    now(): Date;
    anything(data: any): any;
  };
}

// same<A, B>(true) compiles if A and B are the same type.
declare function same<A, B>(are: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false): void;

const ws = connect<Events>("/ws", { token: async () => "secret", timeout: 5_000, maxQueuedBytes: 1 << 20 });
same<typeof ws, Client<Events>>(true);

// Events of the server, and the replies to what it asks.
const stop = ws.on("chat", (message) => {
  same<typeof message, Message>(true);
});
stop();
ws.on("chat", async ({ text }) => text.length); // nobody reads what it returns
ws.once("typing", () => {});
ws.on("picture", (bytes) => {
  same<typeof bytes, Uint8Array>(true);
});
ws.on("total", (sum) => {
  same<typeof sum, number | bigint>(true);
});
ws.on("created", (at) => {
  same<typeof at, string>(true);
});
ws.on("color", (name) => {
  same<typeof name, "red" | "blue">(true);
});
ws.on("who are you?", (language) => language === "de" ? "ein Test" : "a test");
ws.on("who are you?", async () => "a test");
ws.on("thumbnail", (width) => new ArrayBuffer(width));
ws.on("thumbnail", async () => new Blob(["text"]));
ws.on("maybe", () => undefined);
ws.on("anything", (data) => data.whatever);
const listener = () => {};
ws.on("typing", listener);
ws.off("typing", listener);
ws.off("typing");
ws.onAny((event, payload) => {
  same<typeof event, string>(true);
  payload.whatever();
});

// Events of the client.
const taken = ws.emit("say", "hello");
same<typeof taken, boolean>(true);
ws.emit("leave");
ws.emit("move", { x: 1, y: 2 });
ws.emit("move", null);
ws.emit("upload", new Uint8Array(1));
ws.emit("upload", new Float64Array(1).buffer);
ws.emit("upload", new Blob([]));
ws.emit("count", 5);
ws.emit("count", 5n);
ws.emit("anything", { a: [1] });
ws.volatile.emit("move", { x: 1, y: 2 });

// Asks.
async function asks(signal: AbortSignal) {
  same<Awaited<ReturnType<typeof sum>>, number>(true);
  const sum = () => ws.ask("add", [1, 2]);
  const acknowledged = await ws.ask("say", "hello");
  same<typeof acknowledged, null>(true);
  await ws.ask("leave");
  await ws.ask("leave", undefined, { timeout: Infinity });
  const found = await ws.ask("find", "ann", { signal });
  same<typeof found, Message[]>(true);
  await ws.ask("find");
  const now = await ws.ask("now");
  same<typeof now, string>(true);
  const count = await ws.ask("count", 5n, { timeout: 1e3, signal: AbortSignal.timeout(500) });
  same<typeof count, number | bigint>(true);
  const anything = await ws.ask("anything", 1);
  anything.whatever();
}

// Errors.
asks(new AbortController().signal).catch((error: WsError) => {
  switch (error.code) {
    case "timeout":
    case "no_handler":
      return error.message;
    case "a code of the application":
      return error.data.whatever;
  }
});
ws.onError((error) => {
  const text: string = error.code ?? error.message;
  return text;
});

// Presence.
async function watches() {
  const end = await ws.presence("lobby", (people, change) => {
    same<typeof people, readonly Person[]>(true);
    same<typeof change, PresenceChange | undefined>(true);
    const names = people.map(({ key, user = key, data }): string => data?.name ?? user);
    return names.concat(change?.joined ? change.room : []).sort();
  });
  same<typeof end, Stop>(true);
  (await ws.presence("lobby", async () => {}))();
}
watches().catch(({ code }: WsError) => code === "forbidden" || code === "no_handler" || code === "too_many");

// The life of the client.
ws.onConnected(({ resumed, why }) => why === "expired" || resumed);
ws.onSuspended(() => {});
ws.onResumed(() => {});
ws.onReconnecting(({ attempt, delay }) => `${attempt}: ${delay} ms`);
ws.onDisconnected(({ code, reason = "", willReconnect }) => code + (willReconnect ? 0 : reason.length));
ws.onLost((messages, { why }) => {
  for (const { event, data, taken } of messages) {
    if (event === "say" && taken === undefined && why === "unknown") {
      ws.emit(event, data);
    }
  }
  same<typeof messages, LostMessage<NameOf<Events["toServer"]>>[]>(true);
});
ws.onDrain(({ within }) => within + 1);
ws.onMessage((message) => typeof message === "string" ? message.length : message.byteLength);
ws.send("text");
ws.send(new Uint8Array(1));
if (ws.state === "unauthorized") {
  ws.connect();
}
const id: string = ws.id ?? "none yet";
ws.disconnect(1000, id);
const { emit, on } = ws; // no method needs its this
on("typing", () => emit("leave"));

// A function for every client, whatever its contract.
const status = (client: Client): string => client.state;
status(ws);
status(connect("/ws"));

// One direction is enough, and interfaces of their own are fine.
interface Ticks {
  tick(number: number): void;
}
connect<{ fromServer: Ticks }>("/ticks").on("tick", (number) => number.toFixed());
