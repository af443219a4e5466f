"use strict";

const http = require("node:http");
const { WebSocketServer } = require("ws");
const { serve } = require("./process.js");

const server = http.createServer();
const sockets = new WebSocketServer({ server });
const rooms = new Map();
sockets.on("connection", function (socket, request) {
	if (request.url === "/echo") {
		socket.on("message", function (message) { socket.send(message, { binary: false }); });
		return;
	}
	const name = request.url;
	if (!rooms.has(name)) {
		rooms.set(name, new Set());
	}
	const room = rooms.get(name);
	room.add(socket);
	socket.on("close", function () { room.delete(socket); });
	socket.on("message", function (message) {
		for (const member of room) {
			member.send(message, { binary: false });
		}
	});
});
serve(server);
