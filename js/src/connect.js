// The modern client: connect(url, options). It speaks protocol 2, comes back by itself and
// loses no message while it is away. docs/PROTOCOL.md has the states and the rules.

import { resolve } from "#resolve"; // address.js or module-address.js

import { failure, refuse } from "./failure.js";
import { check } from "./listeners.js";
import { root } from "./root.js";
import { asBytes, asText, glue, isText } from "./text.js";
import { decode, encode, nameOf } from "./values.js";
import { parse } from "./wire.js";

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

export const connect = (url, options = {}) => {
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
