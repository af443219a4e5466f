// Builds dist, the modules of the package iris-ws, from src: index, for browsers and
// workers, and what the entries for Node share. npm runs it before it packs. The entries
// for Node are in node, and are copied.

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const folder = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

// modules returns the text of each module that is made, by its name in dist. They are
// readable, since the bundler of an application minifies them. The package has no server to
// fill in an endpoint, and needs no address of its own.
export async function modules() {
  const made = await Promise.all(Object.entries({ esm: "index.mjs", cjs: "index.cjs" }).map(async ([format, name]) => {
    const { outputFiles, warnings } = await build({
      entryPoints: [folder("src/connect.js")],
      bundle: true,
      write: false,
      format,
      target: "es2017",
      charset: "utf8",
      define: { MODULE: "true", ENDPOINT: '""', "import.meta.url": '""' },
      alias: { "#resolve": folder("src/module-address.js") },
      banner: { js: "// The client of github.com/kataras/iris/websocket. BSD-3-Clause." },
      logLevel: "warning",
    });
    if (warnings.length) {
      throw new Error(`${name}: ${warnings.length} warnings`);
    }
    return [name, outputFiles[0].text];
  }));
  return Object.fromEntries(made);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await rm(folder("dist"), { recursive: true, force: true });
  await mkdir(folder("dist"));
  await cp(folder("node"), folder("dist"), { recursive: true });
  for (const [name, text] of Object.entries(await modules())) {
    await writeFile(`${folder("dist")}/${name}`, text);
  }
}
