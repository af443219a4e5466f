"use strict";

const http = require("node:http");
const { Server } = require("socket.io");
const { serve } = require("./process.js");

// With the address of a broker, this process is one of several nodes.
const [broker, kind] = process.argv.slice(2);

async function adapter() {
	const { createClient } = require("redis");
	const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
	const publisher = createClient({ url: "redis://" + broker });
	const subscriber = publisher.duplicate();
	for (const client of [publisher, subscriber]) {
		client.on("error", function () {}); // it connects again by itself
	}
	await Promise.all([publisher.connect(), subscriber.connect()]);
	return (kind === "sharded" ? createShardedAdapter : createAdapter)(publisher, subscriber);
}

async function main() {
	const server = http.createServer();
	const options = { transports: ["websocket"], pingInterval: 120000, pingTimeout: 120000 };
	if (broker) {
		options.adapter = await adapter();
	}
	const io = new Server(server, options);
	io.on("connection", function (socket) {
		socket.on("join", function (room, joined) { socket.join(room); joined(); });
		socket.on("joinMany", function (first, count, joined) {
			for (let i = 0; i < count; i++) {
				socket.join(String(first + i));
			}
			joined();
		});
		socket.on("room", function (room, message) { io.to(room).emit("room", message); });
		socket.on("echo", function (message) { socket.emit("echo", message); });
	});
	serve(server);
}

main();
