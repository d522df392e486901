// @ts-check
import { nowMs } from './clock.mjs';

/** Longer than any call whose beginning is judged by what was true then. */
const KEPT_MS = 120_000;

/** The source of truth: one version per record, and when each was committed, on the clock that judges everything. */
export class Truth {
  /** @type {{ version: number, atMs: number }[][]} */
  #commits;

  /** @param {number} records */
  constructor(records) {
    this.#commits = Array.from({ length: records }, () => [{ version: 1, atMs: -Infinity }]);
  }

  /** @param {number} record */
  read(record) {
    return /** @type {{ version: number }} */ (this.#of(record).at(-1)).version;
  }

  /** @param {number} record @returns {{ version: number, atMs: number }} */
  write(record) {
    const commits = this.#of(record);
    const commit = { version: this.read(record) + 1, atMs: nowMs() };
    commits.push(commit);
    if (commits.length > 1000)
      commits.splice(
        0,
        commits.findLastIndex(({ atMs }) => atMs < commit.atMs - KEPT_MS),
      );
    return commit;
  }

  /** The version that was true at an instant of the last two minutes. @param {number} record @param {number} atMs */
  at(record, atMs) {
    const commits = this.#of(record);
    return (commits.findLast((commit) => commit.atMs <= atMs) ?? /** @type {{ version: number }} */ (commits[0]))
      .version;
  }

  /** @param {number} record */
  #of(record) {
    return /** @type {{ version: number, atMs: number }[]} */ (this.#commits[record]);
  }
}
