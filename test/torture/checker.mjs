// @ts-check
import { History } from './history.mjs';
import { InvalidatedVersions } from './invalidated-versions.mjs';
import { LoadWatch } from './load-watch.mjs';
import { LOAD_FIELDS, NOTHING, READ_FIELDS, READ_WAYS } from './observations.mjs';
import { reached } from './records.mjs';
import { newTally } from './tally.mjs';

/** @typedef {import('./observations.mjs').Report} Report */
/** @typedef {import('./observations.mjs').Invalidation} Invalidation */
/** @typedef {{ kind: 'floor' | 'age' | 'future' | 'problem', says: string, history?: string }} Violation */

const MAX_KEPT = 20;
const MAX_HISTORIES = 5;

/**
 * Judges what the processes saw, while they run and with bounded memory.
 *
 * Floor: once an invalidation that a process made has returned, whatever its status, none of its later reads answers a
 * version older than what was true when the invalidation began. Age: a version that another process has invalidated, as
 * Redis confirmed, is answered no longer than `maxStaleness`. An invalidation that Redis did not confirm counts for
 * others from when its process has nothing left to tell Redis.
 */
export class Checker {
  /** @type {Map<string, { untilMs: number, own: InvalidatedVersions[], waiting: Float64Array[], unapplied: Invalidation[] }>} */
  #processes = new Map();
  /** @type {InvalidatedVersions[]} */
  #fleet;
  /** @type {Violation[]} */
  violations = [];
  violationCount = 0;
  tally = newTally();

  /**
   * @param {object} options
   * @param {import('./truth.mjs').Truth} options.truth
   * @param {import('./phases.mjs').Phases} options.phases
   * @param {number} options.records
   * @param {number} options.maxStalenessMs
   * @param {string} options.historyFolder
   * @param {string} options.name of the run, for file names
   */
  constructor({ truth, phases, records, maxStalenessMs, historyFolder, name }) {
    this.truth = truth;
    this.phases = phases;
    this.records = records;
    this.maxStalenessMs = maxStalenessMs;
    this.historyFolder = historyFolder;
    this.name = name;
    this.#fleet = perRecord(records);
    this.history = new History(records);
    this.loads = new LoadWatch(records, phases, this.tally);
  }

  /** A process that will report. @param {string} process @param {number} sinceMs */
  join(process, sinceMs) {
    this.#processes.set(process, { untilMs: sinceMs, own: perRecord(this.records), waiting: [], unapplied: [] });
  }

  /** A process that will not report any more. @param {string} process @param {number} atMs */
  leave(process, atMs) {
    this.loads.left(process, atMs);
    const left = this.#processes.get(process);
    if (left === undefined) return;
    left.untilMs = Infinity;
    this.#judge();
    this.#processes.delete(process);
  }

  /** @param {number} record @param {{ version: number, atMs: number }} commit */
  committed(record, { version, atMs }) {
    this.tally.writes += 1;
    this.history.add(record, { atMs, process: 'truth', what: `version ${version}` });
  }

  /** @param {string} process @param {Report} report */
  report(process, report) {
    const reporter = this.#processes.get(process);
    if (reporter === undefined) return;
    for (const problem of report.problems) this.#violated({ kind: 'problem', says: `${process}: ${problem}` });
    for (const invalidation of report.invalidations) {
      this.#note(process, invalidation, reporter.own, invalidation.endedMs);
      if (invalidation.isApplied) this.#note(process, invalidation, this.#fleet, invalidation.endedMs);
      else reporter.unapplied.push(invalidation);
      this.tally.invalidations += 1;
      this.tally.invalidationMs.record(microseconds(invalidation.endedMs - invalidation.beganMs));
    }
    if (report.isDrained) {
      for (const late of reporter.unapplied.splice(0)) this.#note(process, late, this.#fleet, report.untilMs);
    }
    for (let at = 0; at < report.loads.length; at += LOAD_FIELDS) {
      const [number, record, beganMs, endedMs] = /** @type {[number, number, number, number]} */ (
        /** @type {unknown} */ (report.loads.subarray(at, at + LOAD_FIELDS))
      );
      this.loads.add(process, number, record, { beganMs, endedMs });
      const isBeginning = Number.isNaN(endedMs);
      const what = isBeginning ? `load ${number} begins` : `load ${number} ends`;
      this.history.add(record, { atMs: isBeginning ? beganMs : endedMs, process, what });
    }
    reporter.waiting.push(report.reads);
    reporter.untilMs = report.untilMs;
    this.#judge();
  }

  /** An invalidation by somebody who does not use the library, and that Redis confirmed. @param {Invalidation} invalidation */
  foreign(invalidation) {
    this.#note('foreign', invalidation, this.#fleet, invalidation.endedMs);
    this.tally.invalidations += 1;
  }

  /** @param {string} says */
  problem(says) {
    this.#violated({ kind: 'problem', says });
  }

  /** @param {string} process @param {Invalidation} invalidation @param {InvalidatedVersions[]} into @param {number} sinceMs */
  #note(process, { how, target, beganMs, endedMs, isApplied }, into, sinceMs) {
    for (const record of reached(target)) {
      const below = this.truth.at(record, beganMs);
      into[record]?.add({ below, sinceMs, cause: `${how} by ${process}` });
      if (into !== this.#fleet) {
        const what = `${how} below ${below}, ${isApplied ? 'applied' : 'not confirmed'}, took ${(endedMs - beganMs).toFixed(3)} ms`;
        this.history.add(record, { atMs: endedMs, process, what });
        this.loads.invalidated(record, { beganMs, endedMs });
      } else if (!isApplied) {
        this.history.add(record, { atMs: sinceMs, process, what: `${how} below ${below} is told to all` });
      }
    }
  }

  /** Judges every read that ended when all processes had told what they did until then. */
  #judge() {
    const knownUntilMs = Math.min(...[...this.#processes.values()].map(({ untilMs }) => untilMs));
    this.loads.judge(knownUntilMs);
    for (const [process, { own, waiting }] of this.#processes) {
      while (waiting[0] !== undefined) {
        const [reads] = waiting;
        let at = 0;
        for (; at < reads.length && /** @type {number} */ (reads[at + 3]) <= knownUntilMs; at += READ_FIELDS) {
          this.#judgeRead(process, own, reads.subarray(at, at + READ_FIELDS));
        }
        if (at < reads.length) {
          waiting[0] = reads.subarray(at);
          break;
        }
        waiting.shift();
      }
    }
  }

  /** @param {string} process @param {InvalidatedVersions[]} own @param {Float64Array} read */
  #judgeRead(process, own, read) {
    const [record, version, beganMs, endedMs, wayCode] = /** @type {[number, number, number, number, number]} */ (
      /** @type {unknown} */ (read)
    );
    const way = /** @type {string} */ (READ_WAYS[wayCode]);
    const { tally } = this;
    const phase = this.phases.at(beganMs);
    tally.reads += 1;
    this.#judgeTime(record, way, { phase, beganMs, endedMs });
    if (version === NOTHING) return;
    const what = `${way} answered ${version}, began ${(endedMs - beganMs).toFixed(3)} ms before`;
    this.history.add(record, { atMs: endedMs, process, what });
    const details = { process, record, version, way, phase, beganMs, during: this.phases.periodAt(beganMs)?.name };
    const refused = own[record]?.of(version);
    if (refused !== undefined && refused.sinceMs < beganMs) {
      const ageMs = beganMs - refused.sinceMs;
      const says = `${process} read version ${version} of record ${record} by ${way} ${ageMs.toFixed(3)} ms after its own ${refused.cause} below ${refused.below} had returned (${phase})`;
      this.#violated({ kind: 'floor', says }, { ...details, refused });
    }
    const old = this.#fleet[record]?.of(version);
    if (old !== undefined && old.sinceMs < beganMs) {
      const ageMs = beganMs - old.sinceMs;
      tally.staleMs[phase].record(microseconds(ageMs));
      if (ageMs > this.maxStalenessMs && phase !== 'split') {
        const says = `${process} read version ${version} of record ${record} by ${way} ${ageMs.toFixed(3)} ms after ${old.cause} below ${old.below} (${phase})`;
        this.#violated({ kind: 'age', says }, { ...details, refused: old });
      }
    }
    if (version > this.truth.read(record)) {
      this.#violated(
        { kind: 'future', says: `${process} read version ${version} of record ${record}, which was never true` },
        details,
      );
    }
  }

  /** @param {number} record @param {string} way @param {{ phase: import('./phases.mjs').Phase, beganMs: number, endedMs: number }} read */
  #judgeTime(record, way, { phase, beganMs, endedMs }) {
    // Of many records the slowest counts, and which that was is not told.
    if (way.endsWith('Many')) return;
    this.tally.overheadMs[phase].record(microseconds(this.loads.overheadMs(record, beganMs, endedMs)));
  }

  /** @param {Violation} violation @param {{ record: number, [detail: string]: unknown }} [details] */
  #violated(violation, details) {
    this.violationCount += 1;
    if (this.violations.length >= MAX_KEPT) return;
    this.violations.push(violation);
    if (details === undefined || this.violations.filter(({ history }) => history !== undefined).length >= MAX_HISTORIES)
      return;
    violation.history = this.history.write(this.historyFolder, `${this.name}-${this.violations.length}`, {
      record: details.record,
      violation: { ...violation, ...details },
      periods: this.phases.periods,
    });
  }
}

/** @param {number} records */
function perRecord(records) {
  return Array.from({ length: records }, () => new InvalidatedVersions());
}

/** Histograms take whole numbers from 1. @param {number} ms */
function microseconds(ms) {
  return Math.max(1, Math.round(ms * 1000));
}
