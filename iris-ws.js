// The browser client of the Iris websocket package. It defines Ws:
//
//   var ws = new Ws("ws://host/endpoint");  // or new Ws("/endpoint"), or new Ws()
//   ws.OnConnect(function () { … });
//   ws.OnDisconnect(function () { … });
//   ws.On("chat", function (message) { … }); // the payload as text
//   ws.Emit("chat", "hello");
//   ws.OnMessage(function (message) { … });  // messages that are no events
//   ws.EmitMessage("hello");
//   ws.Disconnect();
//
// It runs in every browser that has WebSocket, so it is written in ECMAScript 5.
(function (root) {
  "use strict";

  // The server fills these in; they are what it is configured to be.
  var PREFIX = "iris-websocket-message:";
  var ENDPOINT = "";
  var SCRIPT_PATH = "";

  // The types of a payload on the wire.
  var STRING = 0, INT = 1, BOOL = 2, BYTES = 3, JSON_TYPE = 4;
  var SEPARATOR = ";";

  // The state of a WebSocket from which on nothing more comes of it.
  var CLOSING = 2;

  // Only while a script runs does the page know where it came from.
  var script = addressOfScript();

  function Ws(endpoint, protocols) {
    if (!(this instanceof Ws)) {
      throw new TypeError("Ws: call it with new: new Ws(\"/my_endpoint\")");
    }
    this.connectListeners = [];
    this.disconnectListeners = [];
    this.nativeMessageListeners = [];
    this.messageListeners = Object.create(null);
    this.isReady = false;
    this.unsent = []; // what was sent before the connection stood
    this.ended = false;

    var ws = this;
    var conn = open(endpoint, protocols);
    if (!conn || conn.readyState > CLOSING) {
      // Not all browsers say any more about it; listeners come first.
      setTimeout(function () { end(ws); }, 0);
    }
    if (!conn) {
      return;
    }
    conn.binaryType = "arraybuffer";
    this.conn = conn;

    conn.onopen = function () {
      var unsent = ws.unsent;
      ws.unsent = [];
      for (var i = 0; i < unsent.length; i++) {
        try {
          conn.send(unsent[i]);
        } catch (error) {
          rethrow(error); // not at the cost of what follows
        }
      }
      ws.isReady = true;
      ws.fireConnect();
    };
    // Most browsers call onclose after this one, but not those whose page may not
    // connect; in Node an error without a listener ends the process.
    conn.onerror = function () {
      if (conn.readyState >= CLOSING) {
        end(ws);
      }
    };
    conn.onclose = function () {
      end(ws);
    };
    conn.onmessage = function (event) {
      ws.messageReceivedFromConn(event);
    };
  }

  // open begins a connection; null if the browser has none to give or, as old
  // ones do for what newer ones tell an event of, throws because it may not.
  function open(endpoint, protocols) {
    if (!root.WebSocket) {
      return null;
    }
    var url = resolve(endpoint);
    try {
      return protocols && protocols.length > 0 ? new root.WebSocket(url, protocols) : new root.WebSocket(url);
    } catch (error) {
      if (error.name !== "SecurityError" && error.code !== 18) {
        throw error; // a mistake of the page's
      }
      if (root.console) {
        root.console.error(error);
      }
      return null;
    }
  }

  // end tells of the end, once.
  function end(ws) {
    if (ws.ended) {
      return;
    }
    ws.ended = true;
    ws.isReady = false;
    ws.unsent = [];
    ws.fireDisconnect();
  }

  // addressOfScript returns the address that this script came from; "" if nothing
  // tells it. It is for the time while the script runs.
  function addressOfScript() {
    var element = root.document && root.document.currentScript;
    // A picture in the page may have that name, too.
    if (element && element.src && /^script$/i.test(element.tagName)) {
      return element.src;
    }
    // In a module, in a worker and in old browsers, only the stack shows it: the
    // address before the first line number.
    try {
      throw new Error();
    } catch (error) {
      var place = /(https?:\/\/.+?)(:\d+){1,2}\)?([\s,]|$)/i.exec(String(error.stack));
      return place ? place[1] : "";
    }
  }

  // parse takes an address apart; null if it isn't one of http or https.
  function parse(address) {
    var parts = /^(https?):\/\/([^\/?#]+)([^?#]*)/i.exec(address);
    return parts && { secure: parts[1].length === 5, host: parts[2], path: parts[3] };
  }

  // pageOrigin returns where the page came from. One that has no address of its
  // own, such as about:blank, belongs to the page that made it, as its origin
  // says; a variable may have that name, so it comes last. null if nothing tells:
  // a file, or a frame that must not know.
  function pageOrigin() {
    var page = root.location || {};
    return parse(page.protocol + "//" + page.host) || parse(page.origin) || parse(root.origin);
  }

  function webSocket(secure, rest) {
    return (secure ? "wss://" : "ws://") + rest;
  }

  function unusable(endpoint, why) {
    return new Error("Ws: \"" + endpoint + "\": " + why + "; pass a whole address, such as new Ws(\"wss://example.com/ws\")");
  }

  // resolve makes a WebSocket address of what a page passes: an address, a path
  // of the page's own host, a host with or without a path, or nothing for the
  // endpoint of the server that the script came from, to which a query may be
  // added. What would be a guess is an error.
  function resolve(endpoint) {
    // A fragment stays in the browser, and old ones throw if there is one.
    endpoint = String(endpoint === undefined || endpoint === null ? "" : endpoint).trim().replace(/#[^]*$/, "");
    var page = pageOrigin();
    if (endpoint === "" || endpoint.charAt(0) === "?") {
      return ownEndpoint(page, endpoint);
    }
    var origin = page || parse(script);
    if (/^\/(?!\/)/.test(endpoint)) {
      if (!origin) {
        throw unusable(endpoint, "neither the page nor this script has a host that it could be on");
      }
      return webSocket(origin.secure, origin.host + endpoint);
    }
    var parts = /^(?:(?:([a-z][a-z0-9+.\-]*):)?\/\/)?(([^\/?]*)[^]*)$/i.exec(endpoint);
    var scheme = (parts[1] || "").toLowerCase(), host = parts[3].toLowerCase();
    if (scheme && !/^(ws|http)s?$/.test(scheme)) {
      return endpoint; // for the browser to refuse
    }
    // Browsers would take what follows for the host.
    if (host === "" || host.charAt(0) === ".") {
      throw unusable(endpoint, "there is no host in it");
    }
    var secure = /s$/.test(scheme.substring(2));
    if (origin && origin.secure && !secure) {
      // What served the page, or else the script, with TLS has it for this, too.
      // A secure page may not open an insecure connection to any other host,
      // save to the machine that it is on.
      secure = host === origin.host || !!page && !(scheme && isLoopback(host));
    }
    return webSocket(secure, parts[2]);
  }

  function ownEndpoint(page, query) {
    if (!ENDPOINT) {
      throw new Error("Ws: no endpoint given, and the server that served this script has none without parameters; pass one, such as new Ws(\"/my_endpoint\")");
    }
    var source = parse(script), path = encodeURI(SCRIPT_PATH);
    // Where something before the server has added a prefix to its paths, the
    // script's address shows it.
    if (source && source.path.slice(-path.length) === path) {
      return webSocket(source.secure, source.host + source.path.slice(0, -path.length) + ENDPOINT + query);
    }
    // A copy of the script, such as in a bundle, says nothing if it isn't on the
    // page's own host.
    if (source && page && source.host === page.host) {
      return webSocket(source.secure, source.host + ENDPOINT + query);
    }
    throw unusable(query, "nothing tells where this script came from, and so where its server is");
  }

  function isLoopback(host) {
    return /^(localhost|([^:]*\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host);
  }

  // kinds of values

  // Not instanceof: values may come from another frame of the page.
  function tagOf(value) {
    return Object.prototype.toString.call(value);
  }

  Ws.prototype.isNumber = function (value) {
    return tagOf(value) === "[object Number]" && isFinite(value);
  };
  Ws.prototype.isString = function (value) {
    return tagOf(value) === "[object String]";
  };
  Ws.prototype.isBoolean = function (value) {
    return tagOf(value) === "[object Boolean]";
  };
  Ws.prototype.isJSON = function (value) {
    return typeof value === "object";
  };

  // A string of digits has always been sent as a number, and pages rely on
  // it: what comes out of an input field reaches a func(int) so. A func(string)
  // receives the same text in either case.
  function looksNumeric(text) {
    return /^[+-]?\d+(\.\d+)?$/.test(text);
  }

  function isView(value) {
    return root.ArrayBuffer && root.ArrayBuffer.isView
      ? root.ArrayBuffer.isView(value)
      : /^\[object (DataView|\w+\d+(Clamped)?Array)\]$/.test(tagOf(value));
  }

  function isBinary(value) {
    return /^\[object (Shared)?ArrayBuffer\]$/.test(tagOf(value)) || isView(value);
  }

  function isBlob(value) {
    return /^\[object (Blob|File)\]$/.test(tagOf(value));
  }

  // isLostInJSON says whether a value is one of which JSON would make {}, or of an
  // error only what else it has: a map, a promise, bytes, whatever browsers have
  // besides. The objects of the page's own have the tag of all objects.
  function isLostInJSON(value) {
    if (typeof value !== "object" || value === null) {
      return typeof value === "bigint"; // JSON throws, but doesn't say for what event
    }
    var tag = tagOf(value);
    return tag === "[object Error]" ||
      !/^\[object (Object|Arguments|String|Number|Boolean|\w*Array)\]$/.test(tag) && Object.keys(value).length === 0;
  }

  // refused is the error for a value that is part of an event, or of another
  // message, and can't be sent.
  function refused(what, why) {
    return new TypeError("Ws: " + what + ": " + why);
  }

  function nameOf(event) {
    return "event \"" + event + "\"";
  }

  // toBytes returns a copy: the page may change its buffer before it is sent, and
  // WebSocket takes no shared memory.
  function toBytes(value, what) {
    try {
      return copy(isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value));
    } catch (_) {
      throw refused(what, "its buffer was given away, such as to a worker, so its bytes can't be sent");
    }
  }

  // messages

  Ws.prototype._msg = function (event, type, payload) {
    return PREFIX + event + SEPARATOR + type + SEPARATOR + payload;
  };

  // encodeMessage returns what is sent for an event: text, or for an
  // ArrayBuffer or a view of one the bytes of a binary message.
  Ws.prototype.encodeMessage = function (event, data) {
    event = String(event);
    if (event === "" || event.indexOf(SEPARATOR) !== -1) {
      throw new Error("Ws: an event's name must not be empty and must not contain a ';': \"" + event + "\"");
    }
    if (data === undefined) {
      return this._msg(event, STRING, "");
    }
    if (this.isNumber(data)) {
      return this._msg(event, INT, String(data));
    }
    if (this.isBoolean(data)) {
      return this._msg(event, BOOL, String(data));
    }
    if (this.isString(data)) {
      var text = String(data);
      return this._msg(event, looksNumeric(text) ? INT : STRING, text);
    }
    if (isBinary(data)) {
      return join(encodeText(this._msg(event, BYTES, "")), toBytes(data, nameOf(event)));
    }
    if (isBlob(data)) {
      throw refused(nameOf(event), "a Blob can't be emitted at once; emit what its arrayBuffer() resolves to");
    }
    var json = JSON.stringify(data, function (_, value) { // null for NaN and the infinities
      if (isLostInJSON(value)) {
        throw refused(nameOf(event), "a " + tagOf(value).slice(8, -1) + " can't be sent; emit what is in it");
      }
      return value;
    });
    if (json === undefined) { // a function or a symbol
      throw refused(nameOf(event), "a " + typeof data + " can't be sent");
    }
    return this._msg(event, JSON_TYPE, json);
  };

  // decodeMessage reads an event's payload as the type that it was sent as.
  Ws.prototype.decodeMessage = function (event, message) {
    var parts = split(message);
    if (!parts || parts.event !== event) {
      return null;
    }
    switch (parts.type) {
      case STRING:
      case BYTES:
        return parts.payload;
      case INT:
        return parseInt(parts.payload, 10);
      case BOOL:
        return parts.payload === "true";
      case JSON_TYPE:
        return JSON.parse(parts.payload);
      default:
        return null;
    }
  };

  // encodeNative returns what is sent for a native message: bytes, a Blob, which
  // nobody can change, or the text that WebSocket would make of anything else,
  // unless it says nothing of the value.
  function encodeNative(message) {
    var what = "a native message", kind = typeof message;
    if (isBinary(message)) {
      return toBytes(message, what);
    }
    if (isBlob(message)) {
      return message;
    }
    if (kind === "function" || kind === "symbol") {
      throw refused(what, "a " + kind + " can't be sent");
    }
    if (kind !== "object" || message === null || tagOf(message) === "[object String]") {
      return String(message);
    }
    var text = message.toString ? String(message) : tagOf(message);
    if (text.indexOf("[object ") !== -1) {
      throw refused(what, text + " can't be sent; Emit it, or send what JSON.stringify makes of it");
    }
    return text;
  }

  // getWebsocketCustomEvent returns the name of the event, "" for a native
  // message.
  Ws.prototype.getWebsocketCustomEvent = function (message) {
    var parts = split(message);
    return parts ? parts.event : "";
  };

  // getCustomMessage returns the payload of an event as text.
  Ws.prototype.getCustomMessage = function (event, message) {
    var parts = split(message);
    return parts && parts.event === event ? parts.payload : "";
  };

  // split takes an event apart; null for a native message.
  function split(message) {
    if (message.substring(0, PREFIX.length) !== PREFIX) {
      return null;
    }
    var end = message.indexOf(SEPARATOR, PREFIX.length);
    if (end <= PREFIX.length || message.charAt(end + 2) !== SEPARATOR) {
      return null;
    }
    return {
      event: message.substring(PREFIX.length, end),
      type: parseInt(message.charAt(end + 1), 10),
      payload: message.substring(end + 3)
    };
  }

  // splitBinary is split for a binary message: the payload of type bytes stays
  // an ArrayBuffer.
  function splitBinary(bytes) {
    var prefix = encodeText(PREFIX);
    for (var i = 0; i < prefix.length; i++) {
      if (bytes[i] !== prefix[i]) {
        return null;
      }
    }
    var code = SEPARATOR.charCodeAt(0);
    var end = prefix.length;
    while (end < bytes.length && bytes[end] !== code) {
      end++;
    }
    if (end === prefix.length || end + 2 >= bytes.length || bytes[end + 2] !== code || bytes[end + 1] !== 48 + BYTES) {
      return split(decodeText(bytes));
    }
    return {
      event: decodeText(bytes.subarray(prefix.length, end)),
      type: BYTES,
      payload: copy(bytes.subarray(end + 3)).buffer
    };
  }

  function encodeText(text) {
    if (root.TextEncoder) {
      return new root.TextEncoder().encode(text);
    }
    var bytes = unescape(encodeURIComponent(text));
    var out = new Uint8Array(bytes.length);
    for (var i = 0; i < bytes.length; i++) {
      out[i] = bytes.charCodeAt(i);
    }
    return out;
  }

  function decodeText(bytes) {
    if (root.TextDecoder) {
      return new root.TextDecoder().decode(bytes);
    }
    var out = "";
    for (var i = 0; i < bytes.length; i++) {
      out += String.fromCharCode(bytes[i]);
    }
    try {
      return decodeURIComponent(escape(out));
    } catch (_) {
      return out;
    }
  }

  function join(head, tail) {
    var out = new Uint8Array(head.length + tail.length);
    out.set(head, 0);
    out.set(tail, head.length);
    return out;
  }

  function copy(bytes) {
    var out = new Uint8Array(bytes.length);
    out.set(bytes);
    return out;
  }

  Ws.prototype.messageReceivedFromConn = function (event) {
    var message = event.data;
    var parts = typeof message === "string" ? split(message) : splitBinary(new Uint8Array(message));
    if (parts) {
      this.fireMessage(parts.event, parts.payload);
    } else {
      this.fireNativeMessage(message);
    }
  };

  // listeners

  // call calls each listener; one that throws doesn't keep the others from
  // being called, and its error is still seen in the console.
  function call(listeners, argument) {
    listeners = listeners.slice();
    for (var i = 0; i < listeners.length; i++) {
      try {
        listeners[i](argument);
      } catch (error) {
        rethrow(error);
      }
    }
  }

  function rethrow(error) {
    setTimeout(function () { throw error; }, 0);
  }

  // add adds a listener, which is better found wrong here than when it is called.
  function add(listeners, listener) {
    if (typeof listener !== "function") {
      throw new TypeError("Ws: a listener must be a function, not " + typeof listener);
    }
    listeners.push(listener);
  }

  Ws.prototype.OnConnect = function (listener) {
    add(this.connectListeners, listener);
    if (this.isReady) {
      listener();
    }
  };
  Ws.prototype.fireConnect = function () {
    call(this.connectListeners);
  };
  Ws.prototype.OnDisconnect = function (listener) {
    add(this.disconnectListeners, listener);
    if (this.ended) {
      listener();
    }
  };
  Ws.prototype.fireDisconnect = function () {
    call(this.disconnectListeners);
  };
  Ws.prototype.OnMessage = function (listener) {
    add(this.nativeMessageListeners, listener);
  };
  Ws.prototype.fireNativeMessage = function (message) {
    call(this.nativeMessageListeners, message);
  };
  Ws.prototype.On = function (event, listener) {
    this.messageListeners[event] = this.messageListeners[event] || [];
    add(this.messageListeners[event], listener);
  };
  Ws.prototype.fireMessage = function (event, message) {
    call(this.messageListeners[event] || [], message);
  };

  // actions

  Ws.prototype.Disconnect = function () {
    if (this.conn) {
      this.conn.close();
    }
  };
  // EmitMessage sends a native message, as soon as the connection stands. It is
  // looked at and copied now in any case.
  Ws.prototype.EmitMessage = function (message) {
    message = encodeNative(message);
    if (!this.conn) {
      return; // as after the end
    }
    if (this.conn.readyState === 0) {
      this.unsent.push(message);
    } else {
      this.conn.send(message);
    }
  };
  // Emit sends an event, as soon as the connection stands.
  Ws.prototype.Emit = function (event, data) {
    this.EmitMessage(this.encodeMessage(event, data));
  };

  root.Ws = Ws;
  if (typeof module === "object" && module && module.exports) {
    module.exports = Ws;
  }
})(typeof globalThis !== "undefined" ? globalThis : typeof self !== "undefined" ? self : this);
