// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ atMs: number, process: string, what: string }} Line */

const KEPT = 400;

/** What happened of late to each record. */
export class History {
  /** @type {Line[][]} */
  #lines;

  /** @param {number} records */
  constructor(records) {
    this.#lines = Array.from({ length: records }, () => []);
  }

  /** @param {number} record @param {Line} line */
  add(record, line) {
    const lines = this.of(record);
    lines.push(line);
    if (lines.length > KEPT * 2) lines.splice(0, KEPT);
  }

  /** @param {number} record */
  of(record) {
    return /** @type {Line[]} */ (this.#lines[record]);
  }

  /**
   * Writes what happened to a record, oldest first, with the faults of that time.
   * @param {string} folder made when it is not there
   * @param {string} name
   * @param {{ record: number, violation: object, periods: readonly import('./phases.mjs').FaultPeriod[] }} of
   * @returns {string} the file
   */
  write(folder, name, { record, violation, periods }) {
    const faults = periods.flatMap(({ name: fault, sinceMs, untilMs }) => [
      { atMs: sinceMs, process: 'faults', what: `${fault} begins` },
      ...(untilMs === Infinity
        ? []
        : [{ atMs: untilMs, process: 'faults', what: `${fault} explains nothing any more` }]),
    ]);
    const lines = this.of(record);
    const fromMs = lines[0]?.atMs ?? 0;
    const all = [...lines, ...faults.filter(({ atMs }) => atMs >= fromMs - 10_000)].sort((a, b) => a.atMs - b.atMs);
    const lastMs = all.at(-1)?.atMs ?? 0;
    const text = all.map(
      ({ atMs, process, what }) => `${(atMs - lastMs).toFixed(3).padStart(12)} ms  ${process.padEnd(9)} ${what}`,
    );
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${name}.txt`);
    writeFileSync(file, [JSON.stringify(violation, undefined, 2), ...text, ''].join('\n'));
    return file;
  }
}
