// For pages that load /iris-ws.js or /iris-ws.mjs from their server:
// /// <reference types="iris-ws/script" />

/** The client of classic pages. What it does, docs/GUIDE.md says. It does not come back by itself. */
declare class Ws {
  /**
   * @param endpoint - The address, or a path of the page's own host. Without it: the endpoint of
   * the server that the script came from.
   * @param protocols - The WebSocket subprotocols to offer.
   */
  constructor(endpoint?: string | { readonly href: string; toString(): string }, protocols?: string | string[]);
  /** Calls the listener when the connection stands, at once if it does. */
  OnConnect(listener: () => void): void;
  /** Calls the listener when the connection has ended, at once if it has. */
  OnDisconnect(listener: () => void): void;
  /** Calls the listener for each native message. */
  OnMessage(listener: (message: string | ArrayBuffer) => void): void;
  /** Calls the listener for each event of that name, with the payload as it is: a text, or an `ArrayBuffer` for bytes. */
  On<P extends string | ArrayBuffer = string>(event: string, listener: (payload: P) => void): void;
  /** Sends an event, as soon as the connection stands. A `Blob` must be read first, by its `arrayBuffer()`. */
  Emit(event: string, data?: import("iris-ws").Sendable): void;
  /** Sends a native message, as soon as the connection stands. */
  EmitMessage(message: string | number | boolean | import("iris-ws").Bytes): void;
  /** Closes the connection. */
  Disconnect(): void;
}

declare namespace Ws {
  /** The modern client, as the package iris-ws has it. Without an address it takes the endpoint of the server that the script came from. */
  function connect<E extends import("iris-ws").Contract<E> = import("iris-ws").AnyEvents>(
    url?: import("iris-ws").OrFunction<import("iris-ws").Address> | null,
    options?: import("iris-ws").Options,
  ): import("iris-ws").Client<E>;
}

declare module "*/iris-ws.mjs" {
  export * from "iris-ws";
  /** The `connect` of the package iris-ws. Without an address it takes the endpoint of the server that the module came from. */
  export const connect: typeof Ws.connect;
}
