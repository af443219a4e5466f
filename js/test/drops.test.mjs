// Clients whose connections drop again and again: nothing is lost, doubled or out of
// order, from either end. DROP_CLIENTS and DROPS say how many clients, and how many drops
// of each.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startModernServer } from "./helpers/go.mjs";
import { connect } from "./helpers/modern.mjs";
import { startTCPProxy } from "./helpers/tcp-proxy.mjs";
import { makeTraffic } from "./helpers/traffic.mjs";
import { within } from "./helpers/wait.mjs";

const clients = +(process.env.DROP_CLIENTS ?? 20);
const drops = +(process.env.DROPS ?? 100);

let server;
const random = Math.random;

before(async () => {
  server = await startModernServer();
  Math.random = () => random() / 100; // clients come back sooner
});

after(async () => {
  Math.random = random;
  await server?.stop();
});

// exercise lets the connections of one client drop.
async function exercise() {
  const proxy = await startTCPProxy(new URL(server.url).port);
  proxy.cut = () => proxy.drops < drops ? 50 + Math.floor(random() * 4000) : Infinity;
  const ws = connect(proxy.address);
  const traffic = makeTraffic(ws);
  ws.onConnected(() => proxy.drops >= drops && traffic.stop());
  try {
    return await traffic.run();
  } finally {
    ws.disconnect();
    await proxy.stop();
  }
}

test(`${clients} clients, ${drops} drops of each`, async () => {
  const results = await within(Promise.all(Array.from({ length: clients }, exercise)), "the end of the drops", 60_000 + clients * drops * 100);
  for (const { sent, taken, wrongUp, sentDown, last, wrongDown, problems, counts } of results) {
    assert.deepEqual({ taken, wrongUp, last, wrongDown, problems }, { taken: sent, wrongUp: 0, last: sentDown, wrongDown: 0, problems: [] });
    assert.equal(counts.resumed, counts.connected - 1);
    assert.equal(sentDown, counts.asks * 3);
    assert.ok(counts.resumed > drops / 4, `${counts.resumed} resumes`);
  }
  const sum = (of) => results.reduce((total, result) => total + of(result), 0);
  console.log(`${clients * drops} drops, ${sum(({ counts }) => counts.resumed)} resumes, ${sum(({ sent }) => sent)} messages up, ${sum(({ last }) => last)} down`);
});
