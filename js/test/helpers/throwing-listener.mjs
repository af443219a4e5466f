// A program that connects to the address it is given, with two listeners for
// one event, the first of which throws. It prints, as JSON, what the second one
// received and which errors nobody caught. A program of its own because an
// uncaught error would fail any test that it is thrown in.

import { inbox, Ws } from "./client.mjs";
import { Inbox } from "./wait.mjs";

const uncaught = new Inbox("an uncaught error");
process.on("uncaughtException", (error) => uncaught.put(error.message));

const ws = new Ws(process.argv[2]);
ws.On("seen", () => {
  throw new Error("the first listener fails");
});
const seen = inbox(ws, "seen");
ws.Emit("as string", "one");
ws.Emit("as string", "two");

const received = [await seen.take(), await seen.take()];
const errors = [await uncaught.take(), await uncaught.take()];
ws.Disconnect();
console.log(JSON.stringify({ received, errors }));
