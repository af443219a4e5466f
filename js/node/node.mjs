// The entry of the package for import in Node.

import { connect as connectWith } from "./index.mjs";
import { withWebSocket } from "./websocket.cjs";

export const connect = (url, options) => connectWith(url, withWebSocket(options));
