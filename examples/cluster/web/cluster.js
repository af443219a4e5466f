// The page of the chat. It knows both nodes, and goes to the other one when its own is gone.

import { connect } from "/iris-ws.mjs";

const find = (id) => document.getElementById(id);

// A tab keeps its name when it is loaded again.
const name = new URLSearchParams(location.search).get("name") ?? sessionStorage.getItem("name") ??
  ["Ada", "Bo", "Cleo", "Dana", "Eli", "Fay", "Gus", "Hana"][Math.floor(Math.random() * 8)] + " " + Math.floor(Math.random() * 100);
sessionStorage.setItem("name", name);
find("you").textContent = name;

// The nodes, this page's own one first.

const nodes = [location.host];
fetch("/nodes").then((response) => response.json()).then((all) => {
  nodes.push(...all.filter((node) => node !== location.host));
  find("others").append("The other node: ", ...nodes.slice(1).map(link));
});

function link(node) {
  const made = document.createElement("a");
  made.href = made.textContent = `http://${node}/`;
  made.target = "_blank";
  return made;
}

// address is called for each attempt to connect. A node keeps the session of a lost tab, so
// the tab goes back to it if it is there. Otherwise it goes to the next one.
async function address() {
  if (!await isAlive(nodes[0])) {
    nodes.push(nodes.shift());
  }
  return `ws://${nodes[0]}/chat?name=${encodeURIComponent(name)}`;
}

// isAlive reports whether a node answers. The answer itself is for pages of its own only.
const isAlive = (node) => fetch(`http://${node}/alive`, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(500) })
  .then(() => true, () => false);

const ws = connect(address);

// The people. They are those of both nodes. Nobody leaves because of a node that is gone: the
// tabs of its people come back at the other one.

const sorted = (people) => [...people].sort((a, b) => a.user < b.user ? -1 : 1);

ws.presence("lobby", (people) => find("people").replaceChildren(...sorted(people).map(({ user, data }) => {
  const item = document.createElement("li");
  item.textContent = user;
  item.style.setProperty("--hue", data.hue);
  return item;
})));

// The messages.

ws.on("said", ({ from, node, text }) => {
  const item = document.createElement("li"), where = document.createElement("small");
  where.textContent = ` (node ${node}) `;
  item.append(from, where, text);
  find("messages").append(item);
  item.scrollIntoView({ block: "nearest" });
});

document.querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  say(find("text").value);
  find("text").value = "";
};

// say waits while there is no node. If a killed node hasn't replied, nobody knows whether it has
// passed the text on. Saying it twice does less harm than losing it.
async function say(text) {
  try {
    await ws.ask("say", text, { timeout: Infinity });
  } catch (error) {
    if (error.code === "session_lost" && !error.data.taken) {
      say(text);
    }
  }
}

// The node.

ws.on("node", (node) => { find("node").textContent = `node ${node}`; });
ws.onConnected(({ resumed }) => {
  find("state").textContent = resumed ? "Back." : "Connected.";
  find("kill").disabled = false;
});
ws.onSuspended(() => {
  find("state").textContent = "Lost. Looking for a node…";
  find("kill").disabled = true;
});
find("kill").onclick = () => ws.volatile.emit("kill");
