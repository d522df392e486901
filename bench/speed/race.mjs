// @ts-check
// All systems live at once, each in a process of its own, and take turns in windows that follow one another. What is
// compared are the ratios within a round, so that a slow moment hits all alike.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../../scripts/servers.mjs';
import { conversation } from './conversation.mjs';
import { median, spread } from './statistics.mjs';

/** @typedef {{ name: string, process: import('node:child_process').ChildProcess, ask: (limits: Pick<Limits, 'windowMs' | 'leadInMs'>) => Promise<Window>, perSecond: number[], failed: number }} Contender */
/** @typedef {{ perSecond: number, failed: number }} Window */
/**
 * @typedef {object} Limits
 * @property {number} rounds
 * @property {number} windowMs
 * @property {number} leadInMs what comes before a window and does not count: after seconds of idleness the caches of the CPU are
 *   cold, and readers that begin in the same instant wait for one another
 * @property {number} warmWindows
 */
/** @typedef {{ name: string, ratio: number, spread: number, perSecond: number, failed: number }} RaceRow `failed` operations of all rounds */

/** A second run of the reference shows how far two measurements of the same differ. */
export const CONTROL = 'control';
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

/**
 * @param {import('./scenarios.mjs').Scenario} scenario
 * @param {readonly import('./systems.mjs').System[]} systems
 * @param {Limits} limits
 * @returns {Promise<RaceRow[]>}
 */
export async function race(scenario, systems, { rounds, windowMs, leadInMs, warmWindows }) {
  const redis = await startRedis();
  /** @type {Contender[]} */
  let contenders = [];
  try {
    const entries = systems
      .filter(({ tiers }) => tiers.includes(scenario.tier))
      .flatMap(({ name }) => (name === scenario.reference ? [name, CONTROL] : [name]));
    const entered = await Promise.allSettled(entries.map((name) => enter(name, scenario, redis.url)));
    // First all of them, so that those that could enter are ended when another one could not.
    contenders = entered.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
    const failed = entered.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    for (const { ask } of contenders) {
      for (let window = 0; window < warmWindows; window += 1) await ask({ windowMs, leadInMs });
    }
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        // Another one begins each round, so that none always follows the same one.
        const contender = contenders[(turn + round) % contenders.length];
        if (!contender) continue;
        const { perSecond, failed } = await contender.ask({ windowMs, leadInMs });
        contender.perSecond.push(perSecond);
        contender.failed += failed;
      }
    }
  } finally {
    for (const { process: child } of contenders) child.kill();
    await redis.stop();
  }
  const reference = contenders.find(({ name }) => name === scenario.reference);
  return contenders.map(({ name, perSecond, failed }) => {
    const ratios = perSecond.map((value, round) => value / (reference?.perSecond[round] ?? NaN));
    return {
      name,
      ratio: Number(median(ratios).toFixed(3)),
      spread: Number(spread(ratios).toFixed(3)),
      perSecond: Math.round(median(perSecond)),
      failed,
    };
  });
}

/**
 * @param {string} name
 * @param {import('./scenarios.mjs').Scenario} scenario
 * @param {string} url
 * @returns {Promise<Contender | undefined>} `undefined` when it does not offer what is asked
 */
async function enter(name, scenario, url) {
  const system = name === CONTROL ? scenario.reference : name;
  const child = fork(worker, [system, scenario.name, url]);
  const { first, ask } = conversation(child);
  if ((await first) === 'ready') return { name, process: child, ask, perSecond: [], failed: 0 };
  child.kill();
  return undefined;
}
