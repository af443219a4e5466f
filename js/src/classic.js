// The classic client: new Ws(url[, protocols]). It speaks the classic wire and has the
// methods, properties and errors that pages know. Some pages replace methods: so the
// methods call each other by their names.

import { resolve } from "#resolve";
import { refuse } from "./failure.js";
import { check } from "./listeners.js";
import { root } from "./root.js";
import { asBytes, asText, cut, glue, isText } from "./text.js";
import { BOOL, BYTES, encode, encodeNative, INT, JSON_TYPE, nameOf, tagOf } from "./values.js";

// The server fills in PREFIX at the beginning of the script.
/* global PREFIX */

// The state of a WebSocket from which on nothing more comes of it.
const CLOSING = 2;

// call calls each listener. What one throws comes later: nobody else is kept from being
// called.
const call = (listeners, ...values) => listeners.map((listener) => {
  try {
    listener(...values);
  } catch (error) {
    setTimeout(() => {
      throw error;
    }, 0);
  }
});

const add = (listeners, listener) => check(listener) && listeners.push(listener);

export function Ws(endpoint, protocols) {
  this instanceof Ws || refuse("call it with new");
  this.connectListeners = [];
  this.disconnectListeners = [];
  this.nativeMessageListeners = [];
  this.messageListeners = Object.create(null);
  this.unsent = []; // what was sent before the connection stood
  this.isReady = this.ended = false;

  const conn = open(endpoint, protocols);
  // end tells of the end, once.
  const end = () => {
    if (!this.ended) {
      this.ended = true;
      this.isReady = false;
      this.unsent = [];
      this.fireDisconnect();
    }
  };
  if (!conn || conn.readyState > CLOSING) {
    setTimeout(end, 0); // not all browsers say any more about it; listeners come first
  }
  if (!conn) {
    return;
  }
  this.conn = conn;
  conn.binaryType = "arraybuffer";
  conn.onopen = () => {
    // An error of one message must not cost those behind it.
    call(this.unsent.splice(0).map((message) => () => conn.send(message)));
    this.isReady = true;
    this.fireConnect();
  };
  // Most browsers call onclose after this one, but not those whose page may not connect.
  // In Node an error without a listener ends the process.
  conn.onerror = () => {
    if (conn.readyState >= CLOSING) {
      end();
    }
  };
  conn.onclose = end;
  conn.onmessage = (event) => this.messageReceivedFromConn(event);
};

// open begins a connection. It returns nothing if the browser has none to give. Old
// browsers and Firefox throw if the page may not connect, Firefox an error that only it
// has; others tell it by an event.
const open = (endpoint, protocols) => {
  if (root.WebSocket) {
    const url = resolve(endpoint);
    try {
      return new root.WebSocket(url, protocols || []);
    } catch (error) {
      if (!/^(SecurityError$|NS_)/.test(error.name) && error.code !== 18) {
        throw error; // a mistake of the page's
      }
      console.error(error);
    }
  }
};

// split splits an event: its name, the type as text, and the payload. The name of a native
// message is "".
const split = (message) => {
  const start = (isText(message) ? PREFIX : asBytes(PREFIX)).length;
  const parts = asText(message.slice(0, start)) === PREFIX && cut(message.slice(start));
  return parts && parts[0] && parts[1].length === 1 ? parts : [""];
};

const is = (tag) => (value) => tagOf(value) === tag;

Object.assign(Ws.prototype, {
  isNumber: (value) => tagOf(value) === "Number" && isFinite(value),
  isString: is("String"),
  isBoolean: is("Boolean"),
  isJSON: (value) => typeof value === "object",

  _msg: (event, type, payload) => PREFIX + event + ";" + type + ";" + payload,

  // encodeMessage returns what is sent for an event: text, or for bytes a binary message.
  encodeMessage(event, data) {
    const [type, payload] = encode(data, nameOf(event), true);
    return glue(this._msg(event, type, ""), payload);
  },

  // decodeMessage reads the payload of an event as the type that it was sent as.
  decodeMessage(event, message) {
    const [name, type, payload] = split(message);
    return name !== event ? null
      : type < INT || type == BYTES ? payload
      : type == INT ? parseInt(payload, 10)
      : type == BOOL ? payload === "true"
      : type == JSON_TYPE ? JSON.parse(payload) : null;
  },

  getWebsocketCustomEvent: (message) => split(message)[0],

  getCustomMessage(event, message) {
    const [name, , payload = ""] = split(message);
    return name === event ? payload : "";
  },

  messageReceivedFromConn({ data }) {
    const [event, type, payload] = split(isText(data) ? data : new Uint8Array(data));
    if (event) {
      this.fireMessage(event, type == BYTES && !isText(payload) ? payload.buffer : asText(payload));
    } else {
      this.fireNativeMessage(data);
    }
  },

  OnConnect(listener) {
    add(this.connectListeners, listener);
    if (this.isReady) {
      listener();
    }
  },
  fireConnect() {
    call(this.connectListeners);
  },
  OnDisconnect(listener) {
    add(this.disconnectListeners, listener);
    if (this.ended) {
      listener();
    }
  },
  fireDisconnect() {
    call(this.disconnectListeners);
  },
  OnMessage(listener) {
    add(this.nativeMessageListeners, listener);
  },
  fireNativeMessage(message) {
    call(this.nativeMessageListeners, message);
  },
  On(event, listener) {
    add(this.messageListeners[event] = this.messageListeners[event] || [], listener);
  },
  fireMessage(event, message) {
    call(this.messageListeners[event] || [], message);
  },

  Disconnect() {
    if (this.conn) {
      this.conn.close();
    }
  },
  // EmitMessage sends a native message, as soon as the connection stands. It is looked at
  // and copied now in any case.
  EmitMessage(message) {
    message = encodeNative(message);
    if (this.conn) {
      if (this.conn.readyState) {
        this.conn.send(message);
      } else {
        this.unsent.push(message);
      }
    }
  },
  // Emit sends an event, as soon as the connection stands.
  Emit(event, data) {
    this.EmitMessage(this.encodeMessage(event, data));
  },
});
