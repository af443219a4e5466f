// The entry of the module: it exports connect.

export { connect } from "./connect.js";
