// A program whose proxy drops a connection in the moment in which one side ends. It must
// end by itself.

import { connect, createServer, Socket } from "node:net";

import { startTCPProxy } from "./tcp-proxy.mjs";

const target = createServer((socket) => {
  socket.on("error", () => {});
  socket.resume();
});
await new Promise((resolve) => target.listen(0, "127.0.0.1", resolve));
const proxy = await startTCPProxy(target.address().port);
const client = connect(new URL(proxy.address).port, "127.0.0.1");
client.on("error", () => {});
const { end } = Socket.prototype;
client.once("connect", () => {
  client.end();
  Socket.prototype.end = function (...given) { // of the proxy: it passes the end on
    Socket.prototype.end = end;
    process.nextTick(proxy.drop);
    return end.apply(this, given);
  };
});
await new Promise((resolve) => client.once("close", resolve));
await proxy.stop();
target.close();
