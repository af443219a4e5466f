// What a client sends and receives while its connections drop. It runs in Node and, as a
// text, in pages: so it uses nothing from outside of it.

export function makeTraffic(ws) {
  let sent = 0; // numbers sent to the server, which checks their order
  let last = 0; // number of the server's
  let wrong = 0; // numbers of the server that were lost, doubled or out of order
  let running = true;
  const problems = [];
  const counts = { connected: 0, resumed: 0, asks: 0 };
  ws.on("down", (number) => {
    if (number !== last + 1) {
      wrong++;
    }
    last = number;
  });
  ws.onConnected(() => counts.connected++);
  ws.onResumed(() => counts.resumed++);
  ws.onLost((messages) => problems.push(`lost ${JSON.stringify(messages)}`));
  ws.onError((error) => problems.push(String(error)));

  // run sends until stop is called, and returns what arrived on both sides.
  const run = async () => {
    while (running) {
      ws.emit("up", ++sent);
      ws.emit("down", 3);
      ws.emit("up", ++sent);
      const number = ++sent;
      const answer = await ws.ask("ask up", number, { timeout: 120_000 });
      counts.asks++;
      if (answer !== number) {
        problems.push(`ask ${number} was answered by ${answer}`);
      }
    }
    const [taken, wrongUp, sentDown] = await ws.ask("report", undefined, { timeout: 120_000 });
    return { sent, taken, wrongUp, sentDown, last, wrongDown: wrong, problems, counts };
  };
  return { run, stop: () => { running = false; } };
}
