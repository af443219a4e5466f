// The declarations of iris-ws. They need no library of the compiler: neither "DOM" nor
// the types of Node.

/**
 * Opens a connection to a server of github.com/kataras/iris/websocket, and keeps it open:
 * after a loss it comes back by itself, and no message is lost or doubled.
 *
 * @typeParam E - The events of both directions: see {@link Contract}. Without it, every
 * event and every payload is allowed.
 * @param url - The address: `"wss://example.com/ws"`, or in a page a path of its own host,
 * such as `"/ws"`. A function is called for each attempt.
 * @throws If the address can't be one.
 * @example
 * ```ts
 * interface Events {
 *   fromServer: { chat(message: { from: string; text: string }): void };
 *   toServer: {
 *     say(text: string): void;
 *     add(numbers: [number, number]): number;
 *   };
 * }
 *
 * const ws = connect<Events>("/ws");
 * ws.on("chat", ({ from, text }) => console.log(from, text));
 * ws.emit("say", "hello");
 * const sum = await ws.ask("add", [1, 2]);
 * ```
 */
export function connect<E extends Contract<E> = AnyEvents>(url: OrFunction<Address>, options?: Options): Client<E>;

// ---- The events ----

/**
 * What a contract must look like: an interface with the events that come `fromServer` and
 * those that go `toServer`. Each event is a function: its parameter is the payload, and
 * what it returns is the reply to an {@link Client.ask | ask}. `void` means that the reply
 * is an acknowledgement without a value. A direction that is left out has no events.
 *
 * A payload or a reply of the type `Uint8Array` may be sent in any form of {@link Bytes}.
 * An integer beyond 2^53 arrives as a `bigint`: say `bigint` where one may come.
 */
export type Contract<E> = {
  [D in keyof E]: D extends "fromServer" | "toServer" ? { [N in keyof E[D]]: (payload: any) => any } : never;
};

/** Somebody in a room: a user with all connections, or one connection of nobody in particular. */
export interface Person {
  /** Tells persons of a room apart. Without a user it is new in each session. */
  readonly key: string;
  /** The user that the server's `Authenticate` returned. `undefined` if there is none. */
  readonly user?: string;
  /** What the server's `Presence` returned for one of the connections. `undefined` if there is nothing. */
  readonly data?: any;
}

/**
 * Somebody has joined or left a room. Who joins may be in the list already: the answer of the
 * server was faster.
 */
export interface PresenceChange extends Person {
  readonly room: string;
  readonly joined: boolean;
}

/** The contract of {@link connect} without one: any event with any payload. */
export interface AnyEvents {
  fromServer: { [event: string]: (payload: any) => any };
  toServer: { [event: string]: (payload?: Sendable) => any };
}

/** The events that the server sends by the contract `E`. */
export type FromServer<E> = E extends { fromServer: infer M } ? M : {};

/** The events that the client sends by the contract `E`. */
export type ToServer<E> = E extends { toServer: infer M } ? M : {};

/** The names of the events of one direction. */
export type NameOf<M> = Extract<keyof M, string>;

/** What may be sent as bytes. A copy is taken at once, but a `Blob` is read first. */
export type Bytes = ArrayBufferLike | ArrayBufferView | BlobLike;

/** What a client without a contract may send. What JSON would lose, such as a `Map`, may not. */
export type Sendable = string | number | bigint | boolean | null | undefined | Bytes | readonly unknown[] | SendableObject;

/** An object that becomes JSON: no function, no promise, no `Map`, no `Set`. */
export interface SendableObject {
  [name: string]: any;
  bind?: never;
  then?: never;
  forEach?: never;
}

/** What is accepted where the contract says `T`. */
export type Sent<T> = T extends ArrayBufferLike | ArrayBufferView | BlobLike ? Bytes
  : T extends bigint ? bigint | number
  : T extends symbol | ((...values: never[]) => unknown) | PromiseLike<unknown> | ReadonlyMap<any, any> | ReadonlySet<any> ? never
  : T;

/** What arrives where the contract says `T`. */
export type Received<T> = T extends ArrayBufferLike | ArrayBufferView | BlobLike ? Uint8Array
  : T extends bigint ? bigint | number
  : T extends { toJSON(): infer J } ? J
  : T;

/** The payload that the event `F` is sent with: nothing, or one value. */
export type Payload<F> = F extends (...payload: infer P) => any ? { [I in keyof P]: Sent<P[I]> } : never;

/** What answers an ask of the event `F`: `null` for an acknowledgement. */
export type Reply<F> = F extends (...payload: any) => infer R
  ? 0 extends 1 & R ? any : [R] extends [void] ? null : Received<Awaited<R>>
  : never;

/**
 * A listener of the event `F`. If the contract has a reply, then the listener returns it,
 * or a promise of it.
 */
export type Listener<F> = F extends (...payload: infer P) => infer R
  ? (...payload: { [I in keyof P]: Received<P[I]> }) => [R] extends [void] ? void : Sent<Awaited<R>> | PromiseLike<Sent<Awaited<R>>>
  : never;

// ---- The options ----

/** A value, or a function that returns it or a promise of it. */
export type OrFunction<T> = T | (() => T | PromiseLike<T>);

/** An address: a text, or an object such as a `URL`. */
export type Address = string | { readonly href: string; toString(): string };

export interface Options {
  /**
   * The token that `Config.Authenticate` of the server checks. A function is called for
   * each attempt to connect, and when the server asks for a fresh token. `null` and
   * `undefined` mean that there is none.
   */
  token?: OrFunction<string | null | undefined> | undefined;
  /** How many milliseconds an ask waits for its answer. 10,000 without it; `Infinity` means for ever. */
  timeout?: number | undefined;
  /** How many bytes may wait for the server. 4,194,304 without it. */
  maxQueuedBytes?: number | undefined;
  /** The class of the sockets. Without it: the `WebSocket` of the browser or of Node, else that of the package `ws`. */
  WebSocket?: WebSocketClass | PromiseLike<WebSocketClass> | undefined;
}

export interface AskOptions {
  /** How many milliseconds this ask waits, in place of {@link Options.timeout}. */
  timeout?: number | undefined;
  /** Gives up when it is aborted: the promise rejects with the reason of the signal. */
  signal?: Signal | undefined;
}

// ---- The client ----

/** A connection that comes back. {@link connect} makes it. */
export interface Client<E = AnyEvents> {
  /**
   * Calls the listener for each event of that name. What it returns, or what its promise
   * resolves to, is the reply if the server asks. Of several listeners the first value that
   * isn't `undefined` is the reply. An error with a string as its `code` reaches the server
   * as a failure with `code`, `message` and `data`. The server learns nothing of others:
   * see {@link onError}.
   *
   * @returns A function that removes the listener.
   */
  on<N extends NameOf<FromServer<E>>>(event: N, listener: Listener<FromServer<E>[N]>): Stop;
  /** Like {@link on}, for the next event of that name only. */
  once<N extends NameOf<FromServer<E>>>(event: N, listener: Listener<FromServer<E>[N]>): Stop;
  /** Removes a listener of an event, or all of them. */
  off<N extends NameOf<FromServer<E>>>(event: N, listener?: Listener<FromServer<E>[N]>): void;
  /** Calls the listener for each event, before those of {@link on}. */
  onAny(listener: (event: string, payload: any) => void): Stop;

  /**
   * Sends an event. Without a connection it waits for one. What can't be sent is told to
   * {@link onError}, with a {@link ClientErrorCode}.
   *
   * @returns Whether the client has taken it.
   * @throws `TypeError` for a payload that can't be sent, such as a function.
   */
  emit<N extends NameOf<ToServer<E>>>(event: N, ...payload: Payload<ToServer<E>[N]>): boolean;
  /** Sends what is worthless when it is late: without a connection it is dropped. */
  readonly volatile: {
    /** Like {@link Client.emit}, but it doesn't wait for a connection. */
    emit<N extends NameOf<ToServer<E>>>(event: N, ...payload: Payload<ToServer<E>[N]>): boolean;
  };
  /**
   * Sends an event and waits for the reply. An ask survives a lost connection. `undefined`
   * stands for the payload of an event without one, if options follow.
   *
   * @returns The reply; `null` if the handler has no value.
   * @throws {@link WsError}, or the reason of the signal.
   */
  ask<N extends NameOf<ToServer<E>>>(event: N, ...payload: Payload<ToServer<E>[N]>): Promise<Reply<ToServer<E>[N]>>;
  ask<N extends NameOf<ToServer<E>>>(event: N, payload: Payload<ToServer<E>[N]>[0], options: AskOptions | undefined): Promise<Reply<ToServer<E>[N]>>;

  /**
   * Tells who is in a room, on all nodes of the server, and keeps the list up to date. Call it
   * once, not in each session: it goes on in a new session, also after {@link disconnect} and
   * {@link connect}.
   *
   * @param listener - It gets the list at first and in each new session, and the list with each
   * change. Each call has a list of its own, in no order. Don't change the persons in it.
   * @returns A promise of a function that ends it. It waits until the server answers, however
   * long the client is away. It rejects with the code `forbidden` if the server's
   * `WatchPresence` doesn't allow it, with `no_handler` if the server has none, and with
   * `too_many` above 100 rooms. If the server refuses in a later session, the listener gets an
   * empty list, {@link onError} the error, and the end has come.
   * @example
   * ```ts
   * const stop = await ws.presence("lobby", (people) => render(people.map(({ user }) => user)));
   * ```
   */
  presence(room: string, listener: (people: readonly Person[], change?: PresenceChange) => void): Promise<Stop>;

  /** Sends a native message: bytes, or a text. For {@link onMessage} and its like on the server. */
  send(message: string | number | boolean | Bytes): boolean;
  /** Calls the listener for each native message. */
  onMessage(listener: (message: string | Uint8Array) => void): Stop;

  /** Where the client stands. */
  readonly state: State;
  /** The ID of the session. `undefined` before there is one. The server's `Connection.ID` is another. */
  readonly id: string | undefined;
  /** Connects again after {@link disconnect}, or after the server has ended it. Else it does nothing. */
  connect(): void;
  /** Ends the session, by default with the code 1000. The client doesn't come back by itself. */
  disconnect(code?: number, reason?: string): void;

  /** Calls the listener each time that a connection stands, the first time too. */
  onConnected(listener: (how: Connected) => void): Stop;
  /** Calls the listener when a connection is lost and the client will come back. */
  onSuspended(listener: () => void): Stop;
  /** Calls the listener when the client is back in its session, with nothing lost. */
  onResumed(listener: () => void): Stop;
  /** Calls the listener before each pause that an attempt to connect follows. */
  onReconnecting(listener: (attempt: Reconnecting) => void): Stop;
  /** Calls the listener when a connection has ended, whether the client comes back or not. */
  onDisconnected(listener: (end: Disconnected) => void): Stop;
  /**
   * Calls the listener with the messages that are lost, when a session is over. If `why` is
   * `user`, they belong to another user than the one of now: never send them again.
   */
  onLost(listener: (messages: LostMessage<NameOf<ToServer<E>>>[], how: Lost) => void): Stop;
  /** Calls the listener when the server is about to stop. */
  onDrain(listener: (drain: Drain) => void): Stop;
  /**
   * Calls the listener for each error that nobody else is told of: of a message that wasn't
   * taken, of a listener, of a function of the options. Without one, the console shows them.
   */
  onError(listener: (error: ReportedError) => void): Stop;
}

/** Removes a listener. */
export type Stop = () => void;

/**
 * - `connecting`: the first attempt
 * - `connected`: messages go out at once
 * - `reconnecting`: after a loss or an attempt in vain; messages wait
 * - `unauthorized`: the server wants another token; messages wait for {@link Client.connect}
 * - `disconnected`: for good, until {@link Client.connect}
 */
export type State = "connecting" | "connected" | "reconnecting" | "unauthorized" | "disconnected";

export interface Connected {
  /** Whether the session goes on. If not, the server has made a new one. */
  readonly resumed: boolean;
  /** Why the session doesn't go on. `undefined` if there was none, or if it goes on. */
  readonly why?: "expired" | "evicted" | "ended" | "user" | "unknown";
}

export interface Reconnecting {
  /** Counts from 1 since the last connection. */
  readonly attempt: number;
  /** The milliseconds until the attempt. */
  readonly delay: number;
}

export interface Disconnected {
  /** The close code: 1006 if the connection was lost without one. docs/PROTOCOL.md lists them. */
  readonly code: number;
  readonly reason: string | undefined;
  readonly willReconnect: boolean;
}

export interface Drain {
  /** The milliseconds within which the server closes its connections. */
  readonly within: number;
}

export interface Lost {
  /** {@link Connected.why}, or `disconnected` at the end. */
  readonly why: Connected["why"] | "disconnected";
}

export interface LostMessage<N extends string = string> {
  /** The name of the event. `null` for a native message. */
  readonly event: N | null;
  /** What was to be sent. */
  readonly data: any;
  /** `false`: the server hasn't taken it. `undefined`: nobody knows. */
  readonly taken: false | undefined;
}

// ---- The errors ----

/** The codes of errors that the client itself finds. */
export type ClientErrorCode =
  /** The client is disconnected. */
  | "disconnected"
  /** The session is over. `data.taken` says of an ask whether the server has taken it; `undefined`: nobody knows. */
  | "session_lost"
  /** No answer in time. */
  | "timeout"
  /** More bytes than {@link Options.maxQueuedBytes} would wait. */
  | "queue_full"
  /** The message is larger than the server takes. */
  | "too_large"
  /** 1,000 asks wait for an answer. */
  | "too_many_asks";

/** The codes of failures that the server's library sends. */
export type ServerErrorCode =
  /** Nobody handles the event. */
  | "no_handler"
  /** The handler takes payloads of another type. */
  | "invalid_payload"
  /** The handler has failed; only the server knows how. */
  | "error";

/** The codes of this library. A server's handlers may answer with codes of their own. */
export type ErrorCode = ClientErrorCode | ServerErrorCode;

/** What an ask rejects with. */
export interface WsError extends Error {
  /** An {@link ErrorCode}, or one of the server's handlers. */
  code: ErrorCode | (string & {});
  /** What belongs to the error. */
  data?: any;
}

/** What {@link Client.onError} is told: a {@link WsError}, or whatever a listener has thrown. */
export type ReportedError = Error & { code?: WsError["code"]; data?: any };

// ---- What others make ----

/** What the client uses of a `Blob`. */
export interface BlobLike {
  readonly size: number;
  readonly type: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What the client uses of an `AbortSignal`. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: any;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What the client uses of the class `WebSocket`. */
export type WebSocketClass = new (url: string, protocols: string) => {
  readonly protocol: string;
  binaryType: any;
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(message: any): void;
  close(code?: number, reason?: string): void;
};
