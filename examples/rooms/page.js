import { connect } from "./iris-ws.mjs";

const byId = (id) => document.getElementById(id);
const ws = connect();
let room = byId("room").value;

// show adds a line to the list. Names and texts come from other people: textContent never
// takes them for HTML.
function show(from, text, picture) {
	const item = document.createElement("li");
	item.textContent = from + ": " + text;
	if (picture) {
		item.append(Object.assign(new Image(200), { src: picture }));
	}
	byId("list").append(item);
}

// ask sends an event, and shows the error if the server refuses it. It reports whether the
// server has taken it. Without a network it waits for two minutes, as the session does.
const ask = async (event, data) => {
	try {
		await ws.ask(event, data, { timeout: 120_000 });
		return true;
	} catch (error) {
		const unsent = error.code === "session_lost" && error.data.taken === false;
		show("Error", unsent ? texts.timeout : texts[error.code] || error.message);
		return false;
	}
};

// texts are for the errors that come from the client itself. Those of the server have texts
// of their own.
const texts = {
	timeout: "this was not sent, for want of a network",
	session_lost: "nobody knows whether this has arrived",
	too_large: "this is too large",
	disconnected: "this was not sent: log in again",
};

ws.on("said", (m) => show(m.from, m.text, m.picture));
ws.on("whispered", (m) => show(m.from + " to you", m.text));
ws.on("announced", (text) => show("To all", text));
ws.on("members", (m) => {
	if (m.room === room) {
		byId("members").textContent = m.users.join(", ");
	}
});

ws.onConnected(({ resumed }) => {
	byId("login").hidden = true;
	byId("chat").hidden = false;
	byId("state").textContent = "";
	if (!resumed) { // a new session is in no room
		ask("enter", room);
	}
});
ws.onSuspended(() => { byId("state").textContent = "No network. Messages wait."; });
ws.onDisconnected(({ code, willReconnect }) => {
	if (!willReconnect) {
		byId("login").hidden = code !== 4001; // unauthorized: log in, and go on
		byId("chat").hidden = code === 4001;
		byId("state").textContent = "";
	}
});

byId("room").onchange = async function () {
	await ask("leave", room);
	room = this.value;
	await ask("enter", room);
};

// onSubmit calls a function with the fields of a form. It empties the form if the function
// reports success.
function onSubmit(id, f) {
	byId(id).onsubmit = async (event) => {
		event.preventDefault();
		if (await f(new FormData(event.target))) {
			event.target.reset();
		}
	};
}

onSubmit("login", async (fields) => {
	const response = await fetch("login", { method: "POST", body: new URLSearchParams(fields) });
	if (response.ok) {
		ws.connect(); // with the cookie of the session
	}
	return response.ok;
});
onSubmit("say", async (fields) => {
	const file = fields.get("picture");
	return ask("say", { room, text: fields.get("text"), picture: file.size ? await addressOf(file) : "" });
});
onSubmit("whisper", (fields) => ask("whisper", { to: fields.get("to"), text: fields.get("text") }));
onSubmit("announce", (fields) => ask("announce", fields.get("text")));

// addressOf returns the content of a file as an address for an image.
function addressOf(file) {
	return new Promise((resolve, reject) => {
		const reader = new FileReader();
		reader.onload = () => resolve(reader.result);
		reader.onerror = () => reject(reader.error);
		reader.readAsDataURL(file);
	});
}
