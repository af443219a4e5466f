// The entry of the classic script: it defines Ws.

import { Ws } from "./classic.js";
import { connect } from "./connect.js";
import { root } from "./root.js";

Ws.connect = connect;
root.Ws = Ws;
if (typeof module === "object" && module) {
  module.exports = Ws;
}
