// @ts-check
// Measures every system side by side: all of them live at once, each in a process of its own, and take turns in windows
// that follow one another. What is compared are the ratios within a round, so that a slow moment hits all alike.
//
//   npm run speed --prefix bench [-- --quick] [words of the names of scenarios]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { ensureRedis } from '../../scripts/setup.mjs';
import { startRedis } from '../../scripts/servers.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { median, spread } from './statistics.mjs';
import { SYSTEMS } from './systems.mjs';

/** @typedef {{ name: string, process: import('node:child_process').ChildProcess, perSecond: number[] }} Contender */

const results = new URL('results.json', import.meta.url);
const isQuick = process.argv.includes('--quick');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const ROUNDS = isQuick ? 3 : 9;
const WINDOW_MS = isQuick ? 100 : 400;
const WARM_WINDOWS = 2;
/** A second run of the reference shows how far two measurements of the same differ. */
const CONTROL = 'control';

if (!(await ensureRedis())) throw new Error('The benchmark needs a Redis.');
const load = loadavg()[0] ?? 0;
if (load > availableParallelism() / 2) console.warn(`Other programs keep this machine busy (load ${load.toFixed(1)}).`);

const report = [];
for (const scenario of SCENARIOS.filter(({ name }) => words.every((word) => name.includes(word)))) {
  const rows = await compare(scenario);
  report.push({ scenario: scenario.name, reference: scenario.reference, rows });
  console.log(`\n${scenario.name} (${scenario.reference} = 1)`);
  console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])));
}
if (words.length === 0) {
  const versions = { node: process.versions.node };
  await writeFile(results, `${JSON.stringify({ versions, rounds: ROUNDS, windowMs: WINDOW_MS, report }, null, 2)}\n`);
}

/** @param {import('./scenarios.mjs').Scenario} scenario */
async function compare(scenario) {
  const redis = await startRedis();
  /** @type {Contender[]} */
  const contenders = [];
  try {
    for (const { name, tiers } of SYSTEMS) {
      if (!tiers.includes(scenario.tier)) continue;
      await enter(name, name);
      if (name === scenario.reference) await enter(CONTROL, name);
    }
    for (const { process: child } of contenders) {
      for (let window = 0; window < WARM_WINDOWS; window += 1) await ask(child);
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        // Another one begins each round, so that none always follows the same one.
        const contender = contenders[(turn + round) % contenders.length];
        if (contender) contender.perSecond.push(await ask(contender.process));
      }
    }
  } finally {
    for (const { process: child } of contenders) child.kill();
    await redis.stop();
  }
  const reference = contenders.find(({ name }) => name === scenario.reference);
  return contenders.map(({ name, perSecond }) => {
    const ratios = perSecond.map((value, round) => value / (reference?.perSecond[round] ?? NaN));
    return {
      name,
      ratio: Number(median(ratios).toFixed(3)),
      spread: Number(spread(ratios).toFixed(3)),
      perSecond: Math.round(median(perSecond)),
    };
  });

  /** @param {string} name @param {string} system */
  async function enter(name, system) {
    const child = fork(new URL('worker.mjs', import.meta.url), [system, scenario.name, redis.url]);
    const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => ['ended'])]);
    if (answer === 'ready') contenders.push({ name, process: child, perSecond: [] });
    else child.kill();
    if (answer === 'ended') throw new Error(`${system} ended before it was measured.`);
  }
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<number>} */
async function ask(child) {
  child.send(WINDOW_MS);
  const [perSecond] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [NaN])]);
  return perSecond;
}
