// A program without a contract: each line below a directive must not compile.

import { connect, type ErrorCode } from "iris-ws";

const ws = connect("/ws");

// @ts-expect-error TS2345: a function can't be sent
ws.emit("it", () => 1);
// @ts-expect-error TS2345: the promise is not awaited
ws.emit("it", Promise.resolve(1));
// @ts-expect-error TS2345: a Map can't be sent
ws.emit("it", new Map());
// @ts-expect-error TS2345: a Set can't be sent
ws.emit("it", new Set());
// @ts-expect-error TS2345: a symbol can't be sent
ws.emit("it", Symbol());
// @ts-expect-error TS2345: a name is a text
ws.emit(1, "it");
// @ts-expect-error TS2345: a name is a text
ws.on(1, () => {});
// @ts-expect-error TS2353: an object has no text of its own
ws.send({ a: 1 });

// @ts-expect-error TS2554: nobody knows the server without an address
connect();
// @ts-expect-error TS2353: a URL or a text
connect({ host: "example.com" });
// @ts-expect-error TS2561: no such option
connect("/ws", { tokn: "secret" });
// @ts-expect-error TS2322: a token is a text
connect("/ws", { token: 42 });
// @ts-expect-error TS2322: a class, not its name
connect("/ws", { WebSocket: "ws" });

// @ts-expect-error TS2820: no such code
const code: ErrorCode = "too_late";
// @ts-expect-error TS2551: the client of old pages has this method
ws.On("chat", () => {});
