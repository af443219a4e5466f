// The entry of the package for require in Node.

const { connect } = require("./index.cjs");
const { withWebSocket } = require("./websocket.cjs");

exports.connect = (url, options) => connect(url, withWebSocket(options));
