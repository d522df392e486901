// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { valueOf } from './records.mjs';

/** What a loader throws when the dice say so: it may reach callers. */
export class SourceFailure extends Error {}

/** A worker's way to the source of truth, which lives in the coordinator, and loaders that are as slow as real ones. */
export class Source {
  /** @type {Map<number, (answer: { version: number, atMs: number }) => void>} */
  #asked = new Map();
  #lastQuestion = 0;

  /** @param {import('./observations.mjs').Observations} seen @param {import('./random.mjs').Random} random */
  constructor(seen, random) {
    this.seen = seen;
    this.random = random;
  }

  /** @param {{ question: number, version: number, atMs: number }} answer */
  answered({ question, ...answer }) {
    this.#asked.get(question)?.(answer);
    this.#asked.delete(question);
  }

  /** @param {number} record */
  read(record) {
    return this.#ask('read', record);
  }

  /** @param {number} record @returns {Promise<{ version: number, atMs: number }>} the new version and when it became true */
  write(record) {
    return this.#ask('write', record);
  }

  /**
   * Reads the truth some time after the beginning and answers some time later.
   * @param {number} record @returns {Promise<import('./records.mjs').Value>} @throws SourceFailure
   */
  async load(record) {
    const ended = this.seen.load(record);
    try {
      await this.#dawdle();
      const { version } = await this.read(record);
      await this.#dawdle();
      if (this.random.chance(0.005)) throw new SourceFailure();
      return valueOf(record, version);
    } finally {
      ended();
    }
  }

  async #dawdle() {
    const { random } = this;
    // Now and then longer than a lease, and than memory may answer without news.
    if (random.chance(0.005)) await sleep(random.between(1500, 4000));
    else if (random.chance(0.7)) await sleep(random.between(0, 15));
  }

  /** @param {'read' | 'write'} type @param {number} record @returns {Promise<{ version: number, atMs: number }>} */
  #ask(type, record) {
    return new Promise((resolve) => {
      const question = ++this.#lastQuestion;
      this.#asked.set(question, resolve);
      process.send?.({ type, question, record });
    });
  }
}
