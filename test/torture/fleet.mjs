// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nowMs } from './clock.mjs';

/** @typedef {import('./observations.mjs').Report} Report */
/** @typedef {Omit<import('./worker.mjs').WorkerOptions, 'place' | 'seed' | 'engine'>} SharedOptions */

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const POLL_MS = 20;

/**
 * A worker process.
 * @typedef {object} Member
 * @property {string} name never given twice
 * @property {number} place stays with a successor
 * @property {import('node:child_process').ChildProcess} child
 * @property {Report | undefined} last
 * @property {boolean} isDoomed whether it was killed on purpose
 * @property {number[]} heapBytes at each report
 */

/** The worker processes, and the truth they ask. */
export class Fleet {
  /** @type {(Member | undefined)[]} */
  #members = [];
  #born = 0;
  /** Why fills failed, summed up over processes that ended. @type {Record<string, number>} */
  unstored = {};
  /** How much the heap of one process grew at most, from its second quarter to its last. */
  heapGrowthMb = 0;

  /**
   * @param {object} options
   * @param {SharedOptions} options.shared
   * @param {(place: number) => import('./worker.mjs').WorkerOptions['engine']} options.engineAt what differs by place
   * @param {number} options.seed
   * @param {import('./truth.mjs').Truth} options.truth
   * @param {import('./checker.mjs').Checker} options.checker
   */
  constructor({ shared, engineAt, seed, truth, checker }) {
    this.shared = shared;
    this.engineAt = engineAt;
    this.seed = seed;
    this.truth = truth;
    this.checker = checker;
  }

  /** Those that live. */
  get members() {
    return this.#members.filter((member) => member !== undefined);
  }

  /** @param {number} place @returns {Promise<Member>} once it reports */
  async start(place) {
    const born = ++this.#born;
    const options = { ...this.shared, engine: this.engineAt(place), place, seed: this.seed * 1000 + born };
    const child = fork(WORKER, [JSON.stringify(options)], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    /** @type {Member} */
    const member = {
      name: `process ${born}`,
      place,
      child,
      last: undefined,
      isDoomed: false,
      heapBytes: [],
    };
    this.#members[place] = member;
    this.checker.join(member.name, nowMs());
    child.on('message', (message) => this.#heard(member, message));
    child.once('exit', (code, signal) => this.#left(member, code, signal));
    await this.until(() => member.last !== undefined || !this.members.includes(member), 30_000);
    return member;
  }

  begin() {
    for (const { child } of this.members) child.send({ type: 'begin' });
  }

  /** Lets every call end, and waits until the processes are gone of their own accord. @param {number} withinMs */
  async end(withinMs) {
    for (const { child } of this.members) child.send({ type: 'end' });
    if (await this.until(() => this.members.length === 0, withinMs)) return;
    for (const member of this.members) this.checker.problem(`${member.name} did not end within ${withinMs} ms`);
    this.kill();
    await this.until(() => this.members.length === 0, 5000);
  }

  /** @param {Member} member */
  async killOne(member) {
    member.isDoomed = true;
    const gone = once(member.child, 'exit');
    member.child.kill('SIGKILL');
    await gone;
  }

  kill() {
    for (const member of this.members) {
      member.isDoomed = true;
      member.child.kill('SIGKILL');
    }
  }

  /** Whether all use Redis, answer from memory, and have nothing left to tell. Only what was said after `sinceMs` counts. @param {number} sinceMs */
  isWell(sinceMs) {
    return this.members.every(({ last }) => last && last.untilMs > sinceMs && last.isWell);
  }

  /** @param {() => boolean} check @param {number} withinMs @returns {Promise<boolean>} */
  async until(check, withinMs) {
    const giveUpAtMs = nowMs() + withinMs;
    while (!check()) {
      if (nowMs() > giveUpAtMs) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return true;
  }

  /** @param {Member} member @param {any} message */
  #heard(member, message) {
    if (message.type === 'report') {
      member.last = message.report;
      this.checker.report(member.name, message.report);
      member.heapBytes.push(message.report.heapBytes);
    } else if (message.type === 'ended') {
      this.heapGrowthMb = Math.max(this.heapGrowthMb, growth(member.heapBytes) / 2 ** 20);
      for (const [reason, count] of Object.entries(message.unstored)) {
        this.unstored[reason] = (this.unstored[reason] ?? 0) + count;
      }
    } else {
      const { type, question, record } = message;
      const answer = type === 'write' ? this.truth.write(record) : { version: this.truth.read(record), atMs: 0 };
      if (type === 'write') this.checker.committed(record, answer);
      if (member.child.connected) member.child.send({ type: 'answer', question, ...answer }, () => undefined);
    }
  }

  /** @param {Member} member @param {number | null} code @param {NodeJS.Signals | null} signal */
  #left(member, code, signal) {
    if (this.#members[member.place] === member) this.#members[member.place] = undefined;
    this.checker.leave(member.name, nowMs());
    if (!member.isDoomed && code !== 0) this.checker.problem(`${member.name} ended with ${code ?? signal}`);
  }
}

/** From the second quarter of the time to the last: the first fills what is bounded. @param {readonly number[]} bytes */
function growth(bytes) {
  const quarter = Math.ceil(bytes.length / 4);
  const least = (/** @type {number} */ from) => Math.min(...bytes.slice(from, from + quarter));
  return Math.max(0, least(quarter * 3) - least(quarter));
}
