// Text and its bytes.

import { root } from "./root.js";

/* global MODULE: the browsers that know modules have TextEncoder and TextDecoder */

export const isText = (value) => typeof value === "string";

// asBytes returns the UTF-8 of a text, and bytes as they are.
export const asBytes = (payload) => !isText(payload) ? payload
  : MODULE || root.TextEncoder ? new TextEncoder().encode(payload)
  : Uint8Array.from(unescape(encodeURIComponent(payload)), (letter) => letter.charCodeAt());

// asText returns the text of UTF-8, and a text as it is. A mark of the byte order is a part
// of the text.
export const asText = (payload) => {
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
export const cut = (message) => {
  const separator = isText(message) ? ";" : 59;
  const second = message.indexOf(separator, message.indexOf(separator) + 1);
  return second > 0 && [...asText(message.slice(0, second)).split(";"), message.slice(second + 1)];
};

// glue puts a head in front of a payload. The result is bytes if the payload is.
export const glue = (head, payload) => {
  if (isText(payload)) {
    return head + payload;
  }
  const bytes = asBytes(head), message = new Uint8Array(bytes.length + payload.length);
  message.set(bytes);
  message.set(payload, bytes.length);
  return message;
};
