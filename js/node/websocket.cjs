// Finds a WebSocket for Node: versions before 22 have none of their own. It is CommonJS,
// because import can't load a package at once, and both entries need the error at once.

function findWebSocket() {
  if (globalThis.WebSocket) {
    return globalThis.WebSocket;
  }
  try {
    return require("ws");
  } catch (cause) {
    throw new Error("iris-ws: this Node has no WebSocket; install the package ws, or use Node 22 or later", { cause });
  }
}

// withWebSocket returns the options with a WebSocket. connect reads some of them later, so
// it must see the program's own object, and not a copy.
exports.withWebSocket = (options = {}) =>
  options.WebSocket ? options : Object.create(options, { WebSocket: { value: findWebSocket() } });
