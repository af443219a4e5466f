// The declarations are in index.d.cts: a module of either kind may import one of CommonJS.

export * from "./index.cjs";
