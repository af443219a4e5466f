// The global object of a page, a worker or Node. Old browsers have no globalThis.

/* global MODULE */

export const root = MODULE || typeof self === "undefined" ? globalThis : self;
