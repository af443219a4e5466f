/// <reference types="iris-ws/script" />

// The page of the board. The client comes back by itself: no line here does it. The types
// in the comments are for editors, and for `tsc --checkJs`. Browsers ignore them.

import { connect } from "/iris-ws.mjs";

/**
 * @typedef {{ id: number, column: string, text: string, by: string }} Card
 * @typedef {{ name: string, away: boolean }} Tab
 *
 * @typedef {object} Events - Each is a function of its payload. What it returns is the reply.
 * @property {FromServer} fromServer
 * @property {ToServer} toServer
 *
 * @typedef {object} FromServer
 * @property {(cards: Card[]) => void} board
 * @property {(card: Card) => void} added
 * @property {(card: Card) => void} moved
 * @property {(id: number) => void} removed
 * @property {(name: string) => void} you
 * @property {(tabs: Tab[]) => void} tabs
 * @property {(name: string) => void} typing
 *
 * @typedef {object} ToServer
 * @property {(card: { column: string, text: string }) => Card} add
 * @property {(card: { id: number, column: string }) => Card} move
 * @property {(id: number) => number} remove
 * @property {() => number} sync
 * @property {() => void} typing
 */

const tab = Math.random().toString(36).slice(2); // the proxy of the example knows the tab by it

/** @type {import("iris-ws").Client<Events>} */
const ws = connect("/board?tab=" + tab);

const find = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));

// The cards.

/** @type {Map<number, HTMLElement>} */
const items = new Map(); // the element of each card by its ID
const columns = ["todo", "doing", "done"];

// put shows a card at the end of its column.
function put(/** @type {Card} */ card) {
  const item = items.get(card.id) ?? newItem(card);
  items.set(card.id, item);
  item.classList.remove("waiting");
  moveTo(item, card.column);
}

function moveTo(/** @type {HTMLElement} */ item, /** @type {string} */ column) {
  item.dataset.column = column;
  find(`ol[data-column=${column}]`).append(item);
}

function take(/** @type {number} */ id) {
  items.get(id)?.remove();
  items.delete(id);
}

function newItem(/** @type {Partial<Card>} */ { id, text = "", by = "" }) {
  const item = document.createElement("li");
  const words = document.createElement("span");
  words.textContent = text;
  item.append(badge(by), words);
  if (id !== undefined) {
    item.append(
      button("←", "Move left", () => move(id, item, -1)),
      button("→", "Move right", () => move(id, item, 1)),
      button("×", "Remove", () => remove(id, item)),
    );
  }
  return item;
}

function button(/** @type {string} */ sign, /** @type {string} */ label, /** @type {() => void} */ act) {
  const made = document.createElement("button");
  made.textContent = sign;
  made.ariaLabel = made.title = label;
  made.onclick = act;
  return made;
}

// badge returns a round sign with the first letter of a name, in a colour of its own.
function badge(/** @type {string} */ name) {
  const sign = document.createElement("b");
  sign.textContent = name[0];
  sign.title = name;
  sign.style.setProperty("--hue", String((name.charCodeAt(0) * 137 + name.length * 29) % 360));
  return sign;
}

// What this tab changes. It shows the change at once, as waiting, and asks for it.

for (const form of document.querySelectorAll("form")) {
  const { column = "" } = form.dataset, input = find(`form[data-column=${column}] input`);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const card = { column, text: input.value.trim(), by: find("#you").textContent };
    if (card.text) {
      input.value = "";
      const item = newItem(card);
      item.classList.add("waiting");
      moveTo(item, card.column);
      await save(ws.ask("add", card, patiently), put);
      item.remove();
    }
  };
  input.oninput = () => ws.volatile.emit("typing"); // not worth to be kept while away
}

function move(/** @type {number} */ id, /** @type {HTMLElement} */ item, /** @type {number} */ step) {
  const { column: from = "" } = item.dataset, to = columns[columns.indexOf(from) + step];
  if (to) {
    item.classList.add("waiting");
    moveTo(item, to);
    save(ws.ask("move", { id, column: to }, patiently), put, () => moveTo(item, from));
  }
}

function remove(/** @type {number} */ id, /** @type {HTMLElement} */ item) {
  item.classList.add("waiting");
  save(ws.ask("remove", id, patiently), take);
}

const patiently = { timeout: 60_000 }; // also while there is no network

/**
 * Waits for a reply, and shows that the tab waits.
 * @template T
 * @param {Promise<T>} reply
 * @param {(value: T) => void} done
 */
async function save(reply, done, failed = () => {}) {
  count("waiting", 1);
  try {
    done(await reply);
  } catch (error) {
    failed();
    items.forEach((item) => item.classList.remove("waiting"));
    const notice = find("#notice");
    notice.hidden = false;
    notice.textContent = `Not saved: ${/** @type {import("iris-ws").WsError} */ (error).message}`;
    setTimeout(() => { notice.hidden = true; }, 5000);
  }
  count("waiting", -1);
}

// What the others change.

ws.on("board", (cards) => {
  document.querySelectorAll("li[data-column]").forEach((item) => item.remove());
  items.clear();
  cards.forEach(put);
});
ws.on("added", put);
ws.on("moved", put);
ws.on("removed", take);

ws.on("you", (name) => { find("#you").textContent = name; });
ws.on("tabs", (tabs) => find("#tabs").replaceChildren(...tabs.map(({ name, away }) => {
  const item = document.createElement("li");
  item.append(badge(name));
  item.dataset.name = name;
  item.title = away ? `${name} has no network` : name;
  item.classList.toggle("away", away);
  return item;
})));
ws.on("typing", (name) => {
  const item = find(`#tabs [data-name="${name}"]`);
  item?.getAnimations().forEach((/** @type {Animation} */ animation) => animation.cancel());
  item?.animate({ transform: ["none", "translateY(-4px)", "none"] }, 400);
});

// The network.

let due = 0; // when the next attempt begins

function show(/** @type {string} */ state, /** @type {string} */ text) {
  find("#network").dataset.state = state;
  find("#state").textContent = text;
}

function count(/** @type {string} */ name, /** @type {number} */ more) {
  const element = find("#" + name);
  element.textContent = +element.textContent + more;
}

const countDown = () => {
  if (ws.state === "reconnecting") {
    const seconds = Math.ceil((due - Date.now()) / 1000);
    show("reconnecting", seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…");
  }
};
setInterval(countDown, 250);

ws.onConnected(({ resumed }) => {
  show("connected", resumed ? "Back: nothing was lost" : "Connected");
  find("#drop").textContent = "Drop my network";
});
ws.onSuspended(() => count("drops", 1));
ws.onReconnecting(({ delay }) => {
  due = Date.now() + delay;
  countDown();
});
ws.onDisconnected(({ willReconnect }) => willReconnect || show("disconnected", "Disconnected"));
ws.onLost((messages) => count("lost", messages.length));

let catchingUp = false;

ws.onResumed(async () => {
  count("resumed", 1);
  count("late", +find("#waiting").textContent);
  catchingUp = true;
  await ws.ask("sync").catch(() => {}); // it is answered after all that was missed
  catchingUp = false;
});
ws.onAny((event) => catchingUp && /^(added|moved|removed)$/.test(event) && count("caught-up", 1));

find("#drop").onclick = async () => {
  const target = find("#drop"), drops = target.textContent.startsWith("Drop");
  target.textContent = drops ? "Repair my network" : "Drop my network";
  await fetch(`/network/${tab}/${drops ? "down" : "up"}`, { method: "POST" });
  drops || dispatchEvent(new Event("online")); // as browsers do when a network is back
};
