// @ts-check
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const END = 'the end of what is counted';

/**
 * What clients send to a server while something happens, without what scripts call. The socket is read here because ioredis may take
 * the first line of MONITOR for a reply.
 *
 * @param {string} url
 * @param {() => Promise<unknown>} work
 * @returns {Promise<number>} commands
 */
export async function sentDuring(url, work) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const lines = createInterface({ input: socket });
  socket.write('MONITOR\r\n');
  await once(lines, 'line');
  let commands = 0;
  const isOver = new Promise((resolve) => {
    lines.on('line', (line) => {
      if (line.includes(END)) resolve(undefined);
      else if (!/^\S+ \[\d+ lua\]/.test(line)) commands += 1;
    });
  });
  await work();
  const end = connect(Number(port), hostname);
  end.write(`ECHO "${END}"\r\n`);
  await isOver;
  for (const each of [end, socket]) each.destroy();
  return commands;
}
