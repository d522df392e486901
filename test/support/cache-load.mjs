// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {import('../../libs/redis-cache/src/cache/engine.js').CacheEngine} CacheEngine */

/**
 * @typedef {object} Notes
 * @property {number} reads calls of `getOrSet`, whose loaders succeed at once
 * @property {string[]} failures of calls
 * @property {number} slowestMs the slowest read that began while Redis, or a part of it, was used
 * @property {number} slowestWhileOpenMs the slowest of the others
 * @property {{ node: string, state: string, atMs: number }[]} changes of breakers, but for their probes; on the clock of Date
 * @property {string[]} alarms what should never reach the process
 */

const READ_EVERY_MS = 5;
const READS_PER_WRITE = 10;
const KEYS = 50;

/** Reads and writes of the default cache without end, half of the reads past memory, and what is noticed meanwhile. */
export class CacheLoad {
  notes = newNotes();
  /** @type {Map<string, string>} */
  #states = new Map();
  /** @type {Set<Promise<unknown>>} */
  #running = new Set();
  #isOn = true;
  #working;

  /** @param {CacheEngine} engine */
  constructor(engine) {
    this.engine = engine;
    this.cache = engine.defaultCache;
    engine.events.on('breaker', ({ node, state }) => {
      if (state === 'half-open' || state === this.#states.get(node)) return;
      this.#states.set(node, state);
      this.notes.changes.push({ node, state, atMs: Date.now() });
    });
    this.#working = this.#work();
  }

  beginAnew() {
    this.notes = newNotes();
  }

  /** From now on calls may fail, because the cache may be closed. Resolves when all have ended. */
  async stop() {
    this.#isOn = false;
    await this.#working;
    await Promise.all(this.#running);
  }

  async #work() {
    for (let turn = 0; this.#isOn; turn += 1) {
      this.#run(this.#read(`key ${turn % KEYS}`, turn % 2 === 0));
      if (turn % READS_PER_WRITE === 0) this.#run(this.#write(`key ${turn % KEYS}`, turn / READS_PER_WRITE));
      await sleep(READ_EVERY_MS);
    }
  }

  /** @param {Promise<unknown>} call */
  #run(call) {
    const noted = call.catch((error) => {
      if (this.#isOn) this.notes.failures.push(String(error));
    });
    this.#running.add(noted);
    void noted.then(() => this.#running.delete(noted));
  }

  /** Whether no primary is used. */
  #isOpen() {
    return this.engine.connectionStates().every(({ nodes, isUp }) => !isUp && nodes.every((node) => !node.isUp));
  }

  /** @param {string} key @param {boolean} usesMemory */
  async #read(key, usesMemory) {
    const slowest = this.#isOpen() ? 'slowestWhileOpenMs' : 'slowestMs';
    const startedAtMs = performance.now();
    await this.cache.getOrSet(key, () => key, { l1: usesMemory, tags: ['all'] });
    this.notes.reads += 1;
    this.notes[slowest] = Math.max(this.notes[slowest], performance.now() - startedAtMs);
  }

  /** @param {string} key @param {number} turn */
  #write(key, turn) {
    if (turn % 3 === 0) return this.cache.set(key, key);
    return turn % 3 === 1 ? this.cache.delete(key) : this.cache.invalidateTags(['all']);
  }
}

/** @returns {Notes} */
function newNotes() {
  return { reads: 0, failures: [], slowestMs: 0, slowestWhileOpenMs: 0, changes: [], alarms: [] };
}
