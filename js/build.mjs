// Builds the clients from src: iris-ws.js, the classic script with Ws.connect, and
// iris-ws.mjs, the module. iris-ws.source.js is the script in readable form. The server
// fills in the lines at the beginning of each. With --check, nothing is written, and the
// files must be those that would be.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { minify } from "terser";

const here = new URL(".", import.meta.url);

const lines = (names) => names.map((name) => `var ${name} = ${JSON.stringify(name === "PREFIX" ? "iris-websocket-message:" : "")};\n`).join("");
const ofScript = lines(["PREFIX", "ENDPOINT", "SCRIPT_PATH"]);
const ofModule = lines(["ENDPOINT"]);

const resolver = (isModule) => isModule ? "module-address.js" : "address.js";

// readable joins the modules of the script as they are, with their comments.
async function readable(entry, seen = new Set(["#resolve"])) {
  seen.add(entry);
  const source = await readFile(new URL(`src/${entry}`, here), "utf8");
  let text = "";
  for (const [, name] of source.matchAll(/^import .*? from "(?:\.\/)?(.*?)";/gm)) {
    const file = name === "#resolve" ? resolver(false) : name;
    if (!seen.has(file)) {
      text += await readable(file, seen);
    }
  }
  const own = source.replace(/^import .*\n/gm, "").replace(/^export (?=\w)/gm, "").replace(/^\/\* global .*\*\/\n/gm, "");
  return `${text}// ---- ${entry}\n\n${own.trim()}\n\n`.replace(/\n{3,}/g, "\n\n");
}

// bundle puts the modules of an entry into one. A constant is a variable like all others
// then: one word compresses better than two.
async function bundle(entry, isModule) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`src/${entry}`, here))],
    bundle: true,
    write: false,
    format: "esm",
    target: isModule ? "es2020" : "es2017",
    charset: "utf8",
    define: { MODULE: String(isModule) },
    alias: { "#resolve": fileURLToPath(new URL(`src/${resolver(isModule)}`, here)) },
    logLevel: "error",
  });
  return outputFiles[0].text.replace(/^(\s*(?:for \()?)const (?=[\w$[{])/gm, "$1let ");
}

// small minifies a bundle. Properties that begin with _ are private, but for those that
// pages know.
async function small(source) {
  const { code } = await minify(source, {
    module: true,
    ecma: 2017,
    compress: { passes: 4, unsafe_arrows: true, unsafe_methods: false, booleans_as_integers: false, hoist_props: true, hoist_vars: true, keep_fargs: false, pure_getters: true, unsafe: false, inline: 1 },
    mangle: { properties: { regex: /^_[a-z]/, reserved: ["_msg"] } },
    format: { comments: false },
  });
  return code;
}

const inScript = (body) => `(()=>{\n${ofScript}${body}\n})();\n`;

// artefacts returns what the files must hold, by their names.
export async function artefacts() {
  const [script, module] = await Promise.all([bundle("script.js", false), bundle("module.js", true)]);
  return {
    "iris-ws.js": "// ?source\n" + inScript(await small(script)),
    "iris-ws.mjs": ofModule + await small(module) + "\n",
    "iris-ws.source.js": "// The browser client of the Iris websocket package. BSD-3-Clause.\n" + inScript(`const MODULE = false;\n\n${await readable("script.js")}`),
  };
}

// limits are the largest sizes of the artefacts in bytes, by gzip -9.
export const limits = { "iris-ws.js": 5550, "iris-ws.mjs": 3950 };

export const sizeOf = (text) => gzipSync(text, { level: 9 }).length;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(await artefacts())) {
    const file = new URL(`../${name}`, here);
    if (!process.argv.includes("--check")) {
      await writeFile(file, text);
    } else if (await readFile(file, "utf8") !== text) {
      console.error(`${name} is not up to date: run npm run build`);
      process.exitCode = 1;
    }
    console.log(`${name}: ${text.length} characters, ${sizeOf(text)} bytes by gzip -9`);
  }
}
