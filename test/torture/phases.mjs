// @ts-check
import { nowMs } from './clock.mjs';

/**
 * `healthy`: nothing is wrong, nor was shortly before. `fault`: something is. `split`: two servers may believe that they
 * are primary, and invalidations may cross over only when their process has reached the new one.
 * @typedef {'healthy' | 'fault' | 'split'} Phase
 * @typedef {{ name: string, isSplit: boolean, sinceMs: number, untilMs: number }} FaultPeriod `untilMs` is Infinity while it lasts
 */

const KEPT = 200;

/** When which fault was in force. */
export class Phases {
  /** @type {FaultPeriod[]} */
  #periods = [];
  count = 0;

  /** @param {number} aftermathMs what a fault may still explain after everything works again */
  constructor(aftermathMs) {
    this.aftermathMs = aftermathMs;
  }

  /** The latest ones, the last of them perhaps still in force. */
  get periods() {
    return /** @type {readonly FaultPeriod[]} */ (this.#periods);
  }

  /** @param {string} name @param {boolean} isSplit */
  begin(name, isSplit) {
    this.count += 1;
    this.#periods.push({ name, isSplit, sinceMs: nowMs(), untilMs: Infinity });
    if (this.#periods.length > KEPT) this.#periods.shift();
  }

  /** Everything works again. */
  end() {
    const last = this.#periods.at(-1);
    if (last?.untilMs === Infinity) last.untilMs = nowMs() + this.aftermathMs;
  }

  /** @param {number} atMs @returns {Phase} */
  at(atMs) {
    const period = this.periodAt(atMs);
    return period === undefined ? 'healthy' : period.isSplit ? 'split' : 'fault';
  }

  /** A split before any other. @param {number} atMs */
  periodAt(atMs) {
    const then = this.#periods.filter(({ sinceMs, untilMs }) => sinceMs <= atMs && atMs < untilMs);
    return then.find(({ isSplit }) => isSplit) ?? then[0];
  }
}
