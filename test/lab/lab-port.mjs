// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below what systems give to outgoing connections: a server that is down must find its port free when it comes back.
const LOWEST = 12_000;
const HIGHEST = 31_999;

/** Given out by this process: whoever has one may not listen yet. */
const given = new Set();

/**
 * A free loopback port that stays free while its server is restarted.
 * @returns {Promise<number>}
 */
export async function labPort() {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const isFree = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(port, '127.0.0.1');
    if (!(await isFree)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
