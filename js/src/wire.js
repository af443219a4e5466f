// Protocol 2, as docs/PROTOCOL.md says.

import { asText, cut } from "./text.js";

// parse splits a message: the kind, which is "" for an event and else a letter, the name
// of the event, the type, the id as text, and the payload. It throws if the message is
// malformed.
export const parse = (message) => {
  const [event, head, payload] = cut(message), [, type, id = ""] = (event ? /^([0-4])([1-9]\d*)?$/ : /^(?:[nhwapgt]|(?:r([0-4])|[ec])([1-9]\d*))$/).exec(head);
  const kind = event ? "" : head[0];
  // Few ids have 20 digits, so old browsers without BigInt see none.
  if (id[19] && BigInt.asUintN(64, id) != id ||
      (kind === "a" ? !/^(0|[1-9]\d*)$/.test(asText(payload)) : /[cp]/.test(kind) && payload.length)) {
    throw 0;
  }
  return [kind, event, type, id, payload];
};
