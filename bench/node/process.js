"use strict";

// What bench/process.go expects of a server's process: its address, and then, for
// each line of input, what it has used.
const readline = require("node:readline");

exports.serve = function (server) {
	server.listen(0, "127.0.0.1", function () {
		console.log("127.0.0.1:" + server.address().port);
	});
	const input = readline.createInterface({ input: process.stdin });
	input.on("line", function (line) {
		if (line === "collect") {
			global.gc();
			global.gc();
		}
		const { user, system } = process.cpuUsage();
		console.log(JSON.stringify({ CPU: (user + system) * 1000, Resident: process.memoryUsage.rss(), Mallocs: 0 }));
	});
	input.on("close", function () { process.exit(0); });
};
