// From what a program passes to the module to the address of a WebSocket. Unlike address.js,
// it guesses nothing: an address has a scheme, or is a path or a query.

import { refuse } from "./failure.js";
import { root } from "./root.js";

// The server fills in ENDPOINT at the beginning of the module: relative to the module.
/* global ENDPOINT */

export const resolve = (endpoint) => {
  endpoint = [endpoint] + ""; // the text of an array has nothing for null
  const rest = /^(?:ws|http)(s?:\/\/[^/][^]*)/i.exec(
    /^(\?|$)/.test(endpoint) ? ENDPOINT && new URL(ENDPOINT + endpoint, import.meta.url)
    : /^\/(?!\/)/.test(endpoint) ? root.origin + endpoint : endpoint);
  return rest ? "ws" + rest[1] : refuse(`"${endpoint}": no host; pass a whole address`);
};
