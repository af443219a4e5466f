"use strict";

// A server's process prints its address, and then its usage for each line of input:
// bench/process.go expects both.
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
