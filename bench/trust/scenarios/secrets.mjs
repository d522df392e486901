// @ts-check
import { inspect } from 'node:util';
import { OK, defect } from '../verdict.mjs';
import { outcomeOf } from '../waiting.mjs';

/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

const PASSWORD = 'pw-hunter2';
const PAYLOAD = 'card-4111';
const CALL_MS = 2_000;
const INSPECT_DEPTH = 6;

/**
 * Runs `act` and looks for a text in all that reaches the application meanwhile: thrown errors, error listeners, the
 * logger and what is written to the terminal.
 *
 * @param {Lab} lab
 * @param {string} secret
 * @param {() => Promise<(Promise<unknown> | undefined)[]>} act
 */
async function reveals(lab, secret, act) {
  const printed = capture();
  const outcomes = [];
  try {
    outcomes.push(...(await Promise.all((await act()).map((call) => outcomeOf(call, CALL_MS)))));
  } catch (error) {
    outcomes.push({ error });
  } finally {
    printed.end();
  }
  const shows = (/** @type {unknown} */ seen) => inspect(seen, { depth: INSPECT_DEPTH }).includes(secret);
  const where = [
    outcomes.some(({ error }) => shows(error)) && 'thrown',
    lab.reported.some(shows) && 'reported',
    lab.unhandled.some(shows) && 'unhandled',
    printed.text().includes(secret) && 'printed',
  ].filter(Boolean);
  return where.length === 0 ? OK : defect(`in the error that is ${where.join(' and ')}`);
}

/** Keeps what is written to the terminal. */
function capture() {
  const streams = [process.stdout, process.stderr];
  const originals = streams.map((stream) => stream.write);
  let text = '';
  for (const stream of streams) {
    stream.write = (/** @type {any} */ chunk) => {
      text += String(chunk);
      return true;
    };
  }
  return {
    text: () => text,
    end: () => {
      for (const [index, stream] of streams.entries()) stream.write = /** @type {any} */ (originals[index]);
    },
  };
}

/** @type {readonly Scenario[]} */
export const SECRETS = [
  {
    name: 'a refused password stays secret',
    means:
      'Redis refuses the password of the process. It is in no error, printed in full as loggers do, and not on the terminal.',
    lab: { redisArgs: ['--requirepass', 'another'] },
    run: (lab) =>
      reveals(lab, PASSWORD, async () => {
        const cache = await lab.start({ url: `redis://:${PASSWORD}@127.0.0.1:${lab.redis.port}` });
        return [cache.getOrSet('user42', () => 'value'), cache.delete('user42')];
      }),
  },
  {
    name: 'a value Redis has no room for stays secret',
    means: 'Redis is full and refuses to store a value. No error shows the value.',
    lab: { redisArgs: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] },
    run: (lab) =>
      reveals(lab, PAYLOAD, async () => {
        const cache = await lab.start();
        return [cache.getOrSet('user42', () => PAYLOAD), cache.set?.('user43', PAYLOAD)];
      }),
  },
];
