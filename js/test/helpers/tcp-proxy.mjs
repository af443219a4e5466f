// A proxy that does to its connections what networks do.

import { connect, createServer } from "node:net";

// reset resets both connections of a pair. In Node, the reset of a socket that is about to
// end fails, and then the process spins at its exit: so such a socket is destroyed.
function reset(pair) {
  pair.isReset = true;
  for (const socket of [pair.near, pair.far]) {
    socket[socket.writableEnded ? "destroy" : "resetAndDestroy"]();
  }
}

// startTCPProxy starts a proxy in front of a port. drop resets all connections; with
// swallow set, it accepts everything and passes on nothing; refuse turns new ones away.
// cut returns after how many bytes, in both directions together, a new connection ends;
// drops counts those that ended so. Half of them end in the middle of what was sent.
export async function startTCPProxy(target) {
  const pairs = new Set();
  const proxy = { swallow: false, refuse: false, accepted: 0, drops: 0, cut: () => Infinity, target };
  const listener = createServer((near) => {
    proxy.accepted++;
    if (proxy.refuse) {
      near.on("error", () => {});
      near.resetAndDestroy();
      return;
    }
    const far = connect(proxy.target, "127.0.0.1");
    const pair = { near, far };
    let left = proxy.cut();
    pairs.add(pair);
    near.setNoDelay();
    far.setNoDelay();
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("data", (data) => {
        if (proxy.swallow || left <= 0) {
          return;
        }
        to.write(left < data.length ? data.subarray(0, left) : data);
        left -= data.length;
        if (left <= 0) {
          proxy.drops++;
          if (proxy.drops % 2) {
            reset(pair);
          } else {
            near.destroySoon();
            far.destroySoon();
          }
        }
      });
      from.on("end", () => proxy.swallow || to.end());
      from.on("error", () => {});
      from.on("close", () => {
        pairs.delete(pair);
        proxy.swallow || pair.isReset || to.destroy();
      });
    }
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  proxy.host = `127.0.0.1:${listener.address().port}`;
  proxy.address = `ws://${proxy.host}/ws`;
  // drop resets what the function chooses of the connections, which has a number from 0.
  proxy.drop = (chosen = () => true) => [...pairs].filter((_, i) => chosen(i)).forEach(reset);
  proxy.connections = () => pairs.size;
  proxy.stop = () => {
    proxy.drop();
    return new Promise((resolve) => listener.close(resolve));
  };
  return proxy;
}
