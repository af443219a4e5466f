"use strict";

const http = require("node:http");
const { Server } = require("socket.io");
const { serve } = require("./process.js");

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], pingInterval: 120000, pingTimeout: 120000 });
io.on("connection", function (socket) {
	socket.on("join", function (room, joined) { socket.join(room); joined(); });
	socket.on("room", function (room, message) { io.to(room).emit("room", message); });
	socket.on("echo", function (message) { socket.emit("echo", message); });
});
serve(server);
