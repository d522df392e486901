// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { startStandalone } from '../lab/standalone.mjs';
import { until } from '../lab/until.mjs';
import { startSubject } from './experiment.mjs';

const ROUNDS = 3;
const FAULT_MS = 3000;
const READ_EVERY_MS = 2;
const AT_MOST_MS = { silent: 350, refused: 50, open: 2, back: 1500, close: 1000 };

/** @typedef {import('../lab/lab-node.mjs').LabNode} LabNode */
/** @typedef {{ name: string, kind: 'silent' | 'refused', begin: (node: LabNode) => unknown, end: (node: LabNode) => unknown }} Fault */

/** @type {readonly Fault[]} */
const FAULTS = [
  {
    name: 'a black hole',
    kind: 'silent',
    begin: ({ proxy }) => proxy.apply({ type: 'black-hole' }),
    end: ({ proxy }) => proxy.heal(),
  },
  { name: 'a frozen server', kind: 'silent', begin: (node) => node.pause(), end: (node) => node.resume() },
  {
    name: 'refused connections',
    kind: 'refused',
    begin: ({ proxy }) => proxy.apply({ type: 'refuse' }),
    end: ({ proxy }) => proxy.heal(),
  },
  { name: 'a killed server', kind: 'refused', begin: (node) => node.kill(), end: (node) => node.start() },
];

/** How soon an outage is noticed, what reads cost meanwhile, and how soon it is over. @param {import('./experiment.mjs').ExperimentOptions} options @returns {Promise<import('./experiment.mjs').Finding[]>} */
export async function outage({ library }) {
  const lab = await startStandalone();
  const node = /** @type {LabNode} */ (lab.nodes[0]);
  const worst = { silent: 0, refused: 0, open: 0, back: 0, close: 0 };
  /** @param {keyof typeof worst} what @param {number} ms */
  const note = (what, ms) => {
    worst[what] = Math.max(worst[what], ms);
  };
  try {
    for (const fault of FAULTS) {
      const subject = await startSubject(import.meta.url, library, { connection: lab.connection, startTimeout: '5s' });
      await subject.ask('read');
      for (let round = 0; round < ROUNDS; round += 1) {
        await until('Redis is used', () => subject.ask('isUsed'));
        await subject.ask('beginAnew');
        const beganAtMs = Date.now();
        await fault.begin(node);
        await sleep(FAULT_MS);
        const endedAtMs = Date.now();
        await fault.end(node);
        await until('Redis is used', () => subject.ask('isUsed'));
        const { openedAtMs, closedAtMs, p99WhileOpenMs } = await subject.ask('notes');
        note(fault.kind, openedAtMs - beganAtMs);
        note('open', p99WhileOpenMs);
        note('back', closedAtMs - endedAtMs);
      }
      await fault.begin(node);
      await sleep(FAULT_MS);
      note('close', await subject.ask('close'));
      await fault.end(node);
      await subject.end();
    }
    /** @param {string} what @param {keyof typeof worst} figure */
    const finding = (what, figure) => ({
      what,
      measured: `${worst[figure].toFixed(worst[figure] < 10 ? 1 : 0)} ms`,
      wanted: `<= ${AT_MOST_MS[figure]} ms`,
      isMet: worst[figure] <= AT_MOST_MS[figure],
    });
    return [
      finding('until the breaker opens, Redis being silent', 'silent'),
      finding('until the breaker opens, connections being refused', 'refused'),
      finding('a read while it is open, p99', 'open'),
      finding('until Redis is used again, from the end of the fault', 'back'),
      finding('to shut down under a fault', 'close'),
    ];
  } finally {
    await lab.stop();
  }
}

/** @param {import('./experiment.mjs').CacheEngine} engine */
export function work(engine) {
  /** @type {{ openedAtMs: number, closedAtMs: number, whileOpenMs: number[] }} */
  let notes = { openedAtMs: NaN, closedAtMs: NaN, whileOpenMs: [] };
  let isOpen = false;
  engine.events.on('breaker', ({ state }) => {
    if (state === 'open' && !isOpen) notes.openedAtMs = Date.now();
    if (state === 'closed') notes.closedAtMs = Date.now();
    if (state !== 'half-open') isOpen = state === 'open';
  });
  /** @type {NodeJS.Timeout | undefined} */
  let reading;
  let turn = 0;
  const read = async () => {
    const wasOpen = isOpen;
    const startedAtMs = performance.now();
    // Past memory, so that each read is the breaker's.
    await engine.defaultCache.getOrSet(`key ${(turn += 1) % 100}`, () => 'value', { l1: false });
    if (wasOpen && isOpen) notes.whileOpenMs.push(performance.now() - startedAtMs);
  };
  return {
    read: () => {
      reading = setInterval(() => void read().catch(() => undefined), READ_EVERY_MS);
    },
    beginAnew: () => {
      notes = { openedAtMs: NaN, closedAtMs: NaN, whileOpenMs: [] };
    },
    isUsed: () => engine.connectionStates().every(({ isUp, link }) => isUp && link === 'trusted'),
    notes: () => {
      const sorted = notes.whileOpenMs.sort((a, b) => a - b);
      return { ...notes, whileOpenMs: undefined, p99WhileOpenMs: sorted[Math.floor(sorted.length * 0.99)] ?? NaN };
    },
    close: async () => {
      clearInterval(reading);
      const startedAtMs = performance.now();
      await engine.close();
      return performance.now() - startedAtMs;
    },
  };
}
