// From what a page passes to the script to the address of a WebSocket.

import { refuse } from "./failure.js";
import { root } from "./root.js";

// The server fills in ENDPOINT and SCRIPT_PATH at the beginning of the script.
/* global ENDPOINT, SCRIPT_PATH */

// splitAddress splits an address: "s" if it is secure, the host and the path. null if it isn't
// one of http or https.
const splitAddress = (address) => /^http(s?):\/\/([^/?#]+)([^?#]*)/i.exec(address);

// addressOfScript returns the address that this script came from. Only while a script
// runs does the page know it.
const addressOfScript = () => {
  const { src, tagName } = (root.document || {}).currentScript || {};
  // A picture in the page may have that name, too. In a module, in a worker and in old
  // browsers, only the stack shows it: the address before the first line number.
  return src && /^script$/i.test(tagName) ? src
    : (/(https?:\/\/.+?)(:\d+){1,2}\)?([\s,]|$)/i.exec(Error().stack) || [])[1];
};

const script = splitAddress(addressOfScript());

// pageOrigin returns where the page came from. A page without an address of its own, such
// as about:blank, belongs to the page that made it: its origin says so. A variable may
// have that name, so it comes last. null if nothing tells: a file, or a sandboxed frame.
const pageOrigin = () => {
  const page = root.location || {};
  return splitAddress(page.protocol + "//" + page.host) || splitAddress(page.origin) || splitAddress(root.origin);
};

// resolve makes the address of a WebSocket of an address, a path of the page's own host, a
// host with or without a path, or nothing for the endpoint of the server that the script
// came from. A query may be added to nothing. What would be a guess is an error.
export const resolve = (endpoint) => {
  // A fragment stays in the browser, and old ones throw if there is one. The text of an
  // array has nothing for null.
  endpoint = ([endpoint] + "").trim().replace(/#[^]*/, "");
  const page = pageOrigin();
  let origin = page || script;
  if (ENDPOINT && /^(\?|$)/.test(endpoint)) {
    // Something before the server may add a prefix to its paths: the address of the script
    // shows it. A copy of the script, such as in a bundle, must be on the page's own host.
    const path = encodeURI(SCRIPT_PATH), isServed = script && script[3].endsWith(path);
    origin = (isServed || script && page && script[2] === page[2]) && script;
    endpoint = (isServed ? script[3].slice(0, -path.length) : "") + ENDPOINT + endpoint;
  }
  if (origin && /^\/(?!\/)/.test(endpoint)) {
    endpoint = `ws${origin[1]}://${origin[2]}${endpoint}`;
  }
  const [, scheme, known, secure, rest, host] = /^(?:(?:((ws|http)(s?)|[^:/?]+):)?\/\/)?(([^/?]*)[^]*)/i.exec(endpoint);
  if (scheme && !known) {
    return endpoint; // for the browser to refuse
  }
  if (/^[\w-]+$/.test(endpoint) && root.console) {
    root.console.warn(`Ws: "${endpoint}" is a host. Is it "/${endpoint}"?`);
  }
  // Without a host, browsers would take what follows for one.
  return /^(\.|$)/.test(host)
    ? refuse(`"${endpoint}": no ${/^(\?|$)/.test(endpoint) ? "endpoint given" : "host"}; pass a whole address, such as new Ws("wss://example.com/ws")`)
    // What served the page, or else the script, with TLS has it for this, too. A secure page
    // may open an insecure connection to its own machine only.
    : `ws${secure || origin && origin[1] && (host.toLowerCase() === origin[2] ||
      page && !(scheme && /^(([^:]*\.)?localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i.test(host))) ? "s" : ""}://${rest}`;
};
