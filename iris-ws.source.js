// The browser client of the Iris websocket package. BSD-3-Clause.
(()=>{
var PREFIX = "iris-websocket-message:";
var ENDPOINT = "";
var SCRIPT_PATH = "";
const MODULE = false;

// ---- failure.js

// Errors.

// failure is an error with a code, and with the data that belongs to it.
const failure = (code, data, message = code) => Object.assign(Error(message), { code, data });

// refuse throws the error for a mistake of the program.
const refuse = (why) => {
  throw TypeError("Ws: " + why);
};

// ---- root.js

// The global object of a page, a worker or Node. Old browsers have no globalThis.

const root = MODULE || typeof self === "undefined" ? globalThis : self;

// ---- address.js

// From what a page passes to the script to the address of a WebSocket.

// The server fills in ENDPOINT and SCRIPT_PATH at the beginning of the script.

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
const resolve = (endpoint) => {
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

// ---- listeners.js

// What is called: a listener that is no function is better found when it is added.

const check = (listener) => typeof listener === "function" || refuse("a listener must be a function");

// ---- text.js

// Text and its bytes.

const isText = (value) => typeof value === "string";

// asBytes returns the UTF-8 of a text, and bytes as they are.
const asBytes = (payload) => !isText(payload) ? payload
  : MODULE || root.TextEncoder ? new TextEncoder().encode(payload)
  : Uint8Array.from(unescape(encodeURIComponent(payload)), (letter) => letter.charCodeAt());

// asText returns the text of UTF-8, and a text as it is. A mark of the byte order is a part
// of the text.
const asText = (payload) => {
  if (isText(payload)) {
    return payload;
  }
  if (MODULE || root.TextDecoder) {
    return new TextDecoder("utf8", { ignoreBOM: true }).decode(payload);
  }
  const text = payload.reduce((sum, byte) => sum + String.fromCharCode(byte), "");
  try {
    return decodeURIComponent(escape(text));
  } catch (_) {
    return text;
  }
};

// cut splits a message at its first two separators. The message is a text or bytes. The
// two heads become text, the rest stays what it is. It returns nothing if a separator is
// missing.
const cut = (message) => {
  const separator = isText(message) ? ";" : 59;
  const second = message.indexOf(separator, message.indexOf(separator) + 1);
  return second > 0 && [...asText(message.slice(0, second)).split(";"), message.slice(second + 1)];
};

// glue puts a head in front of a payload. The result is bytes if the payload is.
const glue = (head, payload) => {
  if (isText(payload)) {
    return head + payload;
  }
  const bytes = asBytes(head), message = new Uint8Array(bytes.length + payload.length);
  message.set(bytes);
  message.set(payload, bytes.length);
  return message;
};

// ---- values.js

// From the values of a program to payloads, and back. Both wires have the same types.

const STRING = 0, INT = 1, BOOL = 2, BYTES = 3, JSON_TYPE = 4;

// tagOf names the kind of a value. Unlike instanceof, it knows values of another frame.
const tagOf = (value) => ({}).toString.call(value).slice(8, -1);

// cannot throws the error for a value that can't be sent. what names the message.
const cannot = (what, kind) => refuse(what + ": a " + kind + " can't be sent");

// nameOf checks the name of an event and returns how errors call it.
const nameOf = (event) => /^[^;]+$/.test(event) ? `event "${event}"`
  : refuse(`event "${event}": a name must not be empty and must not contain a ';'`);

// copyOf returns a copy of bytes: the program may change its buffer before it is sent.
const copyOf = (value) => new Uint8Array(value.buffer || value, value.byteOffset || 0, value.byteLength).slice();

// toBytes is copyOf with an error of our own if the buffer was given away.
const toBytes = MODULE ? copyOf : (value, what) => {
  try {
    return copyOf(value);
  } catch (_) {
    refuse(what + ": its buffer was given away");
  }
};

// binaryOf returns a copy of bytes, and a Blob as it is. Some old browsers have no
// ArrayBuffer.isView.
const binaryOf = (data, tag, what) => /(ArrayBuffer|DataView|\d(Clamped)?Array)$/.test(tag) ? toBytes(data, what) : /^(Blob|File)$/.test(tag) && data;

// toJSON returns the JSON of a value. It throws if JSON would make {} of something: of a
// map, a promise or bytes. Of an error it would keep what the error has besides its message.
// The tags are those of objects, arguments, strings, numbers, booleans, null and arrays.
const toJSON = (data, what) => JSON.stringify(data, (_, value, tag = tagOf(value)) =>
  /^(obj|big)/.test(typeof value) && (tag === "Error" || !/^(Obj|Arg|Num|Boo|Nul)|(String|Array)$/.test(tag) && !Object.keys(value).length)
    ? cannot(what, tag) : value) // null for NaN
  || cannot(what, typeof data); // a function or a symbol

// encode returns the type and the payload of a value. The payload of a Blob is the Blob;
// the classic wire has none. It sends each number as an integer, and a text that looks like
// one: pages rely on it for what comes out of an input field.
const encode = (data = "", what, classic) => {
  const tag = tagOf(data), isClassic = !MODULE && classic, binary = binaryOf(data, tag, what);
  return tag === "String" ? [isClassic && /^[+-]?\d+(\.\d+)?$/.test(data) ? INT : STRING, data + ""]
    : tag === "Number" && (isClassic ? isFinite(data) : Number.isSafeInteger(+data)) ||
      !isClassic && tag === "BigInt" && BigInt.asIntN(64, data) == data ? [INT, data + ""]
    : tag === "Boolean" ? [BOOL, data + ""]
    : !binary ? [JSON_TYPE, toJSON(data, what)]
    : isClassic && binary === data ? refuse(what + ": a Blob can't be emitted at once; emit what its arrayBuffer() resolves to")
    : [BYTES, binary];
};

// encodeNative returns the payload of a native message: bytes, a Blob, or the text that a
// WebSocket makes of anything else, unless it says nothing of the value.
const encodeNative = (data) => {
  const what = "a native message", kind = typeof data, tag = tagOf(data), binary = binaryOf(data, tag, what);
  if (binary) {
    return binary;
  }
  const text = data && !data.toString ? "[object " : String(data);
  return /^(fun|sym)/.test(kind) || kind === "object" && tag !== "String" && text.includes("[object ") ? cannot(what, kind) : text;
};

// decode returns the value of a payload of protocol 2. It throws if the payload isn't of
// its type.
const decode = (type, payload) => {
  try {
    const text = asText(payload), value = type == BYTES ? asBytes(payload) : type == STRING ? text : JSON.parse(text);
    return type == INT && !Number.isSafeInteger(value) ? BigInt(text) : value;
  } catch (_) {
    throw failure("invalid_payload");
  }
};

// ---- classic.js

// The classic client: new Ws(url[, protocols]). It speaks the classic wire and has the
// methods, properties and errors that pages know. Some pages replace methods: so the
// methods call each other by their names.

// The server fills in PREFIX at the beginning of the script.

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

function Ws(endpoint, protocols) {
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

// ---- wire.js

// Protocol 2, as docs/PROTOCOL.md says.

// parse splits a message: the kind, which is "" for an event and else a letter, the name
// of the event, the type, the id as text, and the payload. It throws if the message is
// malformed.
const parse = (message) => {
  const [event, head, payload] = cut(message), [, type, id = ""] = (event ? /^([0-4])([1-9]\d*)?$/ : /^(?:[nhwapgt]|(?:r([0-4])|[ec])([1-9]\d*))$/).exec(head);
  const kind = event ? "" : head[0];
  // Few ids have 20 digits, so old browsers without BigInt see none.
  if (id[19] && BigInt.asUintN(64, id) != id ||
      (kind === "a" ? !/^(0|[1-9]\d*)$/.test(asText(payload)) : /[cp]/.test(kind) && payload.length)) {
    throw 0;
  }
  return [kind, event, type, id, payload];
};

// ---- connect.js

// The modern client: connect(url, options). It speaks protocol 2, comes back by itself and
// loses no message while it is away. docs/PROTOCOL.md has the states and the rules.

const PROTOCOL = "iris-ws.2";

// A dial without a welcome after so many ms is given up: at once, if the page becomes
// visible and the dial is older than IMPATIENT.
const DIAL_TIMEOUT = 1e4, IMPATIENT = 3e3;

// A socket that lasted for so many ms makes the next pause a short one.
const LASTING = 5e3;

// A page that was hidden for so many ms waits until it is visible before it dials.
const HIDDEN = 3e5;

// PRESENCE is the event about who is in a room.
const PRESENCE = "iris:presence";

// FAILED is the failure that tells the server nothing.
const FAILED = '{"code":"error"}';

// valueOf returns what an option is, or what its function returns. It is async, so it
// rejects if the function throws.
const valueOf = async (option) => typeof option === "function" ? option() : option;

const connect = (url, options = {}) => {
  // By the function that removes it: the name of an event or of a callback, the function to
  // call, and the one of the program.
  const listeners = new Map();
  const asks = new Map(); // those without an answer by id: functions (error, value)

  let state = "disconnected";
  // The socket or the dial of now. It has: _began, the time, in a pause 0, or Infinity if the
  // server has said when to come back; _socket; _open, the time of the welcome. Whatever
  // belongs to another one is ignored.
  let current = { _began: 0 };
  let timer; // of the next dial, of the end of this dial, or of a silent server
  let session = {}; // the last welcome
  let queue = []; // counted messages, from the first one that no count covers
  let bytes = 0, unasked = 0; // of the queue; those sent since the last ping for a count
  let acked = 0, sent = 0; // counted messages of the session: covered by a count, and of the queue those that were sent
  let received = 0, untold = 0; // those received, and what came since our last count: see receive
  let sockets = 0, lastAsk = 0; // numbers for the life of the client
  let attempt = 0, waited = 0; // dials since the last welcome; the ms between dials since the last socket that lasted
  let hidden; // since when the page is hidden

  const room = options.maxQueuedBytes || 4 << 20;

  const subscribe = (name, listener, own = listener) => {
    check(own);
    const stop = () => listeners.delete(stop);
    listeners.set(stop, [name, listener, own]);
    return stop;
  };

  // call calls the listeners of a name. It returns a promise of each result.
  const call = (name, ...values) => [...listeners.values()].filter((each) => each[0] === name).map(async (each) => each[1](...values));

  // fire calls listeners whose results nobody waits for.
  const fire = (name, ...values) => call(name, ...values).map((result) => result.catch(report));

  // report tells of an error that nobody waits for.
  const report = (error) => call("Error", error).map((result) => result.catch(console.error)).length || console.error(error);

  const wait = (task, ms) => {
    clearTimeout(timer);
    timer = ms < 2 ** 31 && setTimeout(task, ms); // a timer takes no more than that
  };

  // Sending. An entry of the queue has: _data, what goes over the wire, missing while a
  // Blob is read; _size; _told, what onLost tells of it; _ask, which ends its ask; _refuse,
  // for an answer that isn't taken; _free, see put.

  const flush = () => {
    for (let entry; current._open && (entry = queue[sent]) && entry._data; sent++) {
      current._socket.send(entry._data);
      unasked += entry._size;
      askCount(room / 4);
    }
  };

  // askCount asks for the server's count, if more than so many bytes were sent since it was
  // asked. By itself, the server may count too late for a small queue.
  const askCount = (least) => {
    if (unasked > least) {
      unasked = 0;
      tell(";p;");
    }
  };

  // tell sends a message that isn't counted, if there is a socket for it.
  const tell = (message) => current._open && current._socket.send(message);

  // remove removes an entry that was not sent. It reports whether it could.
  const remove = (entry) => {
    const place = queue.indexOf(entry);
    return place >= sent && queue.splice(place, 1).map(forget);
  };

  const forget = (entry) => (bytes -= entry._size);

  // put queues a counted message. It reports whether it could. A full queue takes what
  // is _free: FAILED, and the question who is in a room.
  const put = (head, payload, entry = {}) => {
    const deny = entry._ask || entry._refuse || report;
    const blob = payload.arrayBuffer, data = blob ? head : glue(head, payload);
    const size = entry._size = asBytes(data).length + (blob ? payload.size : 0);
    const code = state === "disconnected" ? state
      : asks.size > 1e3 ? "too_many_asks"
      : size > session.max ? "too_large"
      : bytes + size > room && !entry._free && "queue_full";
    if (code) {
      askCount(0); // it may make room
      deny(failure(code));
    } else {
      if (blob) {
        payload.arrayBuffer().then((buffer) => {
          entry._data = glue(head, new Uint8Array(buffer));
        }, (error) => remove(entry) && deny(error)).then(flush);
      } else {
        entry._data = data;
      }
      queue.push(entry);
      bytes += size;
      flush();
    }
    return !code;
  };

  const emit = (event, data, id = "", entry = { _told: { event, data } }) => {
    const [type, payload] = encode(data, nameOf(event));
    return put(event + ";" + type + id + ";", payload, entry);
  };

  const ask = (event, data, { timeout = options.timeout || 1e4, signal } = {}) => new Promise((resolve, reject) => {
    const id = ++lastAsk + "";
    const finish = (error, value) => {
      if (asks.delete(id)) {
        clearTimeout(clock);
        signal && signal.removeEventListener("abort", abort);
        value === undefined ? reject(error) : resolve(value);
      }
    };
    const entry = { _ask: finish, _free: PRESENCE === event };
    const giveUp = (error) => {
      finish(error);
      remove(entry) || tell(";c" + id + ";");
    };
    const abort = () => giveUp(signal.reason);
    if (signal) {
      signal.throwIfAborted();
      signal.addEventListener("abort", abort);
    }
    const clock = timeout < 2 ** 31 && setTimeout(() => giveUp(failure("timeout")), timeout);
    asks.set(id, finish);
    try {
      emit(event, data, id, entry);
    } catch (error) {
      finish(error);
    }
  });

  // Receiving.

  const receive = (message) => {
    const [kind, event, type, id, payload] = parse(message);
    const json = () => {
      try {
        return JSON.parse(asText(payload));
      } catch (_) {} // only in a welcome it is a violation
    };
    if (!current._open) {
      return welcome(kind === "w" && json());
    }
    watch();
    if ("nre".includes(kind)) {
      received++;
      // A count is due after 64 messages or 65,536 bytes. A letter has up to 3 bytes.
      untold += message.length * 3 + 1024;
      untold > 65535 && tellCount();
    }
    const asked = current, finish = asks.get(id) || Object; // Object does nothing
    ({
      "": () => handle(event, type, id, payload),
      n: () => fire("Message", payload),
      r() {
        try {
          finish(0, decode(type, payload));
        } catch (error) {
          finish(error);
        }
      },
      e() {
        const { code, message, data } = Object(json());
        finish(isText(code) ? failure(code, data, message) : failure("error"));
      },
      a: () => acknowledge(+asText(payload)),
      p: tellCount,
      g() {
        const drain = json();
        drain && fire("Drain", drain);
      },
      t: () => valueOf(options.token).then((token) => asked === current && token != null && tell(";t;" + token), report),
      c() {},
    })[kind](); // there is none for what a server may not send
  };

  const tellCount = () => {
    untold = 0;
    tell(";a;" + received);
  };

  // acknowledge drops what a count of the server covers.
  const acknowledge = (count) => {
    const covered = count - acked;
    if (!(covered >= 0 && covered <= sent)) {
      throw 0;
    }
    queue.splice(0, covered).map(forget);
    acked = count;
    sent -= covered;
  };

  // handle calls the listeners of an event. It answers an ask with their first value.
  const handle = async (event, type, id, payload) => {
    const asked = session.s;
    // In another session nobody waits for an answer.
    const answer = (head, body, deny) => id && asked === session.s && put(";" + head + id + ";", body, { _free: !deny, _refuse: deny });
    const fail = (error) => {
      report(error);
      answer("e", FAILED);
    };
    try {
      const data = decode(type, payload), name = nameOf(event);
      fire("Any", event, data);
      if (!id) {
        return fire(name, data);
      }
      const results = await Promise.all(call(name, data));
      if (!results.length) {
        throw failure("no_handler");
      }
      const [kind, body] = encode([...results, null].find((value) => value !== undefined), "a message");
      answer("r" + kind, body, fail);
    } catch (error) {
      try {
        const { code, message, data } = Object(error);
        if (!id || !isText(code)) {
          throw error;
        }
        answer("e", JSON.stringify({ code, message, data }), fail);
      } catch (unsent) { // the data may have no JSON
        fail(unsent);
      }
    }
  };

  // The life of the client.

  const welcome = (w) => {
    const { resumed, why } = w, old = session.s, mine = current;
    if (!w.s || resumed && w.s !== old) {
      throw 0;
    }
    if (old && (resumed || why && why !== "unknown")) {
      acknowledge(w.received);
      sent = 0;
    }
    session = w;
    state = "connected";
    current._open = Date.now();
    untold = attempt = 0;
    watch();
    resumed || renew("session_lost", old, w);
    flush();
    mine === current && fire("Connected", { resumed, why });
    mine === current && resumed && fire("Resumed");
  };

  // renew ends the counts of a session. What was not sent goes on if it may. The asks of a
  // session that is over end. The program is told of the messages that are lost.
  const renew = (code, isOver, { max, why }) => {
    const lost = [];
    queue = queue.filter((entry, i) => {
      const taken = i < sent ? undefined : false; // undefined: nobody knows
      if (i >= sent && !(entry._size > max) && (!isOver || entry._told && why !== "user")) {
        return true;
      }
      forget(entry);
      if (entry._ask) {
        entry._ask(failure(code, { taken }));
      } else if (entry._told) {
        lost.push(Object.assign(entry._told, { taken }));
      }
    });
    isOver && asks.forEach((finish) => finish(failure(code, { taken: true })));
    acked = sent = received = 0;
    lost[0] && fire("Lost", lost, { why });
  };

  const dial = async () => {
    drop(); // the time of the server has come
    if (hidden && Date.now() - hidden > HIDDEN) {
      return; // onPage goes on
    }
    const mine = current = { _began: Date.now() };
    wait(() => lose(1006), DIAL_TIMEOUT);
    try {
      const token = await valueOf(options.token), address = await valueOf(url), WebSocket = await (options.WebSocket || root.WebSocket || refuse("pass a WebSocket"));
      if (mine === current) {
        const socket = mine._socket = new WebSocket(resolve(address), PROTOCOL);
        socket.binaryType = "arraybuffer";
        socket.onopen = () => mine === current && (socket.protocol === PROTOCOL
          ? socket.send(";h;" + JSON.stringify({ s: session.s, k: session.k, r: received, n: ++sockets, t: token }))
          : lose(4002, PROTOCOL, true));
        socket.onmessage = ({ data }) => {
          try {
            mine === current && receive(isText(data) ? data : new Uint8Array(data));
          } catch (_) {
            lose(4002, PROTOCOL, true);
          }
        };
        socket.onclose = ({ code, reason }) => mine === current && lose(code, reason);
        socket.onerror = () => {}; // a close follows, or the end of the dial
      }
    } catch (error) {
      mine === current && report(error);
      mine === current && lose(1006);
    }
  };

  // drop gives up the socket. how are the arguments of its close.
  const drop = (how) => {
    current._socket && current._socket.close(...(how || [])); // throws for a wrong code: then nothing has happened
    current = { _began: 0 };
    clearTimeout(timer);
  };

  // lose goes on after the end of a socket or a dial. With isOurs, the client ends it. The
  // close code says whether the client stays away, comes back after a pause, or comes back
  // within the spread of the server. A pause is at most as long as all waits before it: so a
  // short outage has short pauses, and each one at most doubles the time.
  const lose = (code, reason, isOurs) => {
    const opened = current._open, isFinal = isOurs || /^(100[0279]|40)/.test(code);
    let ms;
    drop(isOurs && [code, reason]);
    const mine = current; // a listener may begin or end another life
    if (isFinal) {
      listen("remove");
      state = "unauthorized";
      if (isOurs || code !== 4001) {
        state = "disconnected";
        isOurs && opened && code === 1000 && acknowledge(acked + sent); // they are on their way
        renew(state, session.s, { max: -1, why: state });
        session = {};
      }
    } else {
      state = "reconnecting";
      if (Date.now() - opened > LASTING) {
        waited = 0;
      }
      const retry = /\bretry=(\d{1,9})\b/.exec(reason), pause = !/^(100[156]|42)/.test(code), { spread = 1e3 } = session;
      if (retry || pause) {
        current._began = Infinity; // onPage waits, too
      }
      ms = retry ? +retry[1] : Math.random() * (pause || !opened ? Math.min(3e4, Math.max(spread, 1e3, waited)) : spread);
      waited += ms;
      wait(dial, ms);
    }
    (opened || isFinal) && fire("Disconnected", { code, reason, willReconnect: !isFinal });
    mine === current && !isFinal && opened && fire("Suspended");
    mine === current && !isFinal && fire("Reconnecting", { attempt: ++attempt, delay: ms });
  };

  // watch waits for a sign of the server. Then it pings, and waits again before it takes
  // the socket for lost. A clock that fires late says that the page or the machine slept:
  // the server may have answered, so it pings once more.
  const watch = (pings = 0) => {
    pings && tell(";p;");
    const patience = (session.ping || Infinity) * (pings ? 375 : 1125), due = Date.now() + patience;
    wait(() => pings > 1 || pings && Date.now() - due < 1e3 ? lose(1006, "silence") : watch(pings + 1), patience);
  };

  // The page.

  const listen = (verb) => {
    hidden = 0;
    root.addEventListener && ["online", "visibilitychange", "pageshow", "pagehide"].forEach((type) => root[verb + "EventListener"](type, onPage));
  };

  const onPage = ({ type, persisted }) => {
    hidden = (root.document || {}).hidden && (hidden || Date.now());
    if (type === "pagehide") {
      persisted || ws.disconnect();
    } else if (type === "online" || !hidden) {
      if (current._open) {
        watch(1);
      } else if (Date.now() - current._began > IMPATIENT) {
        dial();
      }
    }
  };

  // Presence. The server tells who is in a room by the answer to the event PRESENCE, and
  // changes by events of this name. A change that comes before the answer may be newer. It
  // comes again if it is older, or what undoes it comes. Each new session asks again. The
  // server counts the questions of a session, so none is asked twice.

  const presence = (room, listener) => new Promise((resolve, reject) => {
    check(listener);
    let early, people; // the changes since a question without an answer; the last ones
    const apply = (change) => {
      const others = people.filter((each) => each.key !== change.key);
      if (change.joined ? others.push(change) : people[others.length]) {
        people = others;
        early || fire(apply, people, change);
      }
    };
    const load = async (asked = session.s) => {
      try {
        early = [];
        people = await ask(PRESENCE, { room, watch: true }, { timeout: Infinity });
        early = void early.map(apply);
        fire(apply, people);
        resolve(() => end() && session.s && emit(PRESENCE, { room }, "", {})); // in no other session
      } catch (error) {
        if (asked === session.s) { // else the next session asks
          end(people ? fire(apply, []) && report(error) : reject(error));
        }
      }
    };
    const stops = [
      subscribe(apply, listener),
      subscribe("Connected", (how) => how.resumed || load()),
      ws.on(PRESENCE, (change) => change.room === room && (early ? early.push(change) : apply(change))),
    ];
    const end = () => stops.map((stop) => stop())[0]; // true at the first call
    session.s && load();
  });

  // The methods.

  const ws = {
    on: (event, listener) => subscribe(nameOf(event), listener),
    once(event, listener) {
      const stop = subscribe(nameOf(event), (data) => {
        stop();
        return listener(data);
      }, listener);
      return stop;
    },
    off(event, listener) {
      const name = nameOf(event);
      listeners.forEach(([each, , own], stop) => each === name && (!listener || own === listener) && stop());
    },
    emit: (event, data) => emit(event, data),
    volatile: { emit: (event, data) => !!current._open && emit(event, data) },
    send: (data) => put(";n;", encode(data, "a message")[1], { _told: { event: null, data } }),
    ask,
    presence,
    connect() {
      if (/^[du]/.test(state)) {
        typeof url === "function" || resolve(url); // a wrong address is an error now
        state = "connecting";
        attempt = waited = 0;
        listen("add");
        onPage({ type: "online" });
      }
    },
    disconnect: (code = 1000, reason) => {
      state === "disconnected" || lose(code, reason, true);
    },
    get state() {
      return state;
    },
    get id() {
      return session.s;
    },
  };
  "Connected Suspended Resumed Reconnecting Disconnected Lost Drain Error Message Any".split(" ").forEach((hook) => {
    ws["on" + hook] = (listener) => subscribe(hook, listener);
  });
  ws.connect();
  return ws;
};

// ---- script.js

// The entry of the classic script: it defines Ws.

Ws.connect = connect;
root.Ws = Ws;
if (typeof module === "object" && module) {
  module.exports = Ws;
}


})();
