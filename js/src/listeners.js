// What is called: a listener that is no function is better found when it is added.

import { refuse } from "./failure.js";

export const check = (listener) => typeof listener === "function" || refuse("a listener must be a function");
