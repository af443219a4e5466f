// Starting proxies with the configurations that the documents show.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { freePort, root } from "./go.mjs";
import { within } from "./wait.mjs";

const run = promisify(execFile);

// Debian puts servers where not every user's PATH leads.
const PATH = [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/sbin"].join(delimiter);

// site is what the pages behind the proxies are called. It must not be a name of
// this machine's: those have privileges.
export const site = "app.example";

// documentedBlocks returns the fenced blocks of the documents in any of the
// languages, each with the heading that it stands under.
export async function documentedBlocks(languages) {
  const files = ["README.md", ...(await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
  const blocks = [];
  for (const file of files) {
    let heading = "";
    let block;
    for (const line of (await readFile(join(root, file), "utf8")).split("\n")) {
      const fence = /^```(.*)$/.exec(line);
      if (block && fence) {
        if (languages.includes(block.language)) {
          blocks.push({ ...block, text: block.lines.join("\n") });
        }
        block = undefined;
      } else if (block) {
        block.lines.push(line);
      } else if (fence) {
        block = { file, heading, language: fence[1], lines: [] };
      } else {
        heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
      }
    }
  }
  return blocks;
}

// replaced puts something else in the place of what a document says once.
function replaced(text, changes) {
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) {
      throw new Error(`${JSON.stringify(from)} should stand once in the documented configuration:\n${text}`);
    }
    text = text.replace(from, () => to);
  }
  return text;
}

// makeCertificate makes a certificate of the site's that nobody has signed. The
// generator comes with Go.
export async function makeCertificate() {
  const folder = await mkdtemp(join(tmpdir(), "iris-ws-certificate-"));
  const goroot = (await run("go", ["env", "GOROOT"])).stdout.trim();
  await run("go", ["run", join(goroot, "src/crypto/tls/generate_cert.go"), "--host", site, "--ecdsa-curve", "P256"], { cwd: folder });
  const [certificate, key, both] = ["cert.pem", "key.pem", "both.pem"].map((name) => join(folder, name));
  await writeFile(both, await readFile(certificate, "utf8") + await readFile(key, "utf8"), { mode: 0o600 });
  return { certificate, key, both, remove: () => rm(folder, { recursive: true }) };
}

// proxies has a function for each language of the documents. It makes a whole
// configuration of a documented part, which is all the test changes of it: where
// the proxy listens, where the server is, and where the certificate is.
const proxies = {
  nginx(text, { folder, port, backend, certificate }) {
    if (text.startsWith("location")) {
      text = `server {\n\tlisten 80;\n${text}\n}`;
    }
    const changes = [["127.0.0.1:8080", backend]];
    if (certificate) {
      changes.push(["listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`],
        ["/etc/ssl/example.com.crt", certificate.certificate], ["/etc/ssl/example.com.key", certificate.key]);
    } else {
      changes.push(["listen 80;", `listen 127.0.0.1:${port};`]);
    }
    // One process, so that none outlives the one that the test ends.
    const configuration = [
      "daemon off;", "master_process off;", "error_log stderr;", `pid ${folder}/pid;`, "events {}", "http {", "access_log off;",
      ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`),
      replaced(text, changes), "}",
    ].join("\n");
    return { configuration, command: ["nginx", "-e", "stderr", "-p", folder, "-c"] };
  },

  haproxy(text, { port, backend, certificate }) {
    const changes = [["127.0.0.1:8080", backend]];
    if (certificate) {
      changes.push(["bind :443 ", `bind 127.0.0.1:${port} `], ["/etc/ssl/example.com.pem", certificate.both]);
    } else {
      changes.push(["bind :80\n", `bind 127.0.0.1:${port}\n`]);
    }
    return { configuration: `${replaced(text, changes)}\n`, command: ["haproxy", "-db", "-f"] };
  },

  caddyfile(text, { port, backend, certificate }) {
    const changes = [["127.0.0.1:8080", backend]];
    if (certificate) {
      changes.push(["example.com {", `https://${site}:${port} {\nbind 127.0.0.1`],
        ["/etc/ssl/example.com.crt", certificate.certificate], ["/etc/ssl/example.com.key", certificate.key]);
    } else {
      changes.push([":80 {", `:${port} {\nbind 127.0.0.1`]);
    }
    const configuration = `{\nadmin off\nauto_https disable_redirects\n}\n${replaced(text, changes)}\n`;
    return { configuration, command: ["caddy", "run", "--adapter", "caddyfile", "--config"] };
  },
};

export const languages = Object.keys(proxies);

// startProxy starts a proxy in front of a server, by a documented block.
export async function startProxy({ language, text }, { backend, certificate }) {
  const folder = await mkdtemp(join(tmpdir(), "iris-ws-proxy-"));
  const port = await freePort();
  const { configuration, command: [program, ...given] } = proxies[language](text, { folder, port, backend, certificate });
  const file = join(folder, "configuration");
  await writeFile(file, configuration);
  const child = spawn(program, [...given, file], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // however the tests end
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => { said += data; });
  }
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", (error) => {
      said += `${error.message}: is ${program} installed?`;
      resolve();
    });
  });
  const stop = async () => {
    kill();
    await within(ended, `the end of ${program}`);
    process.removeListener("exit", kill);
    await rm(folder, { recursive: true });
  };
  try {
    await within(listens(port, ended), `${program} to listen`);
  } catch (error) {
    await stop();
    throw new Error(`${program}: ${error.message}\n${said}\n${configuration}`);
  }
  return { host: `${site}:${port}`, stop };
}

// listens resolves when somebody accepts connections at a port.
async function listens(port, ended) {
  let gone = false;
  ended.then(() => { gone = true; });
  while (!gone) {
    const accepted = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (accepted) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // nothing announces that it listens
  }
  throw new Error("it has ended");
}
