// @ts-check

/** @typedef {{ beganMs: number, endedMs: number }} Span */

/** Longer than calls to invalidate take: until then an invalidation that explains a load may not be known. */
const PATIENCE_MS = 3000;
const KEPT_MS = 20_000;

/** Knows which loads ran when: how many at once, which were needless, and how much of a read's time was spent in them. */
export class LoadWatch {
  /** @type {Map<string, Span & { record: number }>} */
  #running = new Map();
  /** By record, in the order of their beginning, more or less. @type {Span[][]} */
  #loads;
  /** @type {Span[][]} */
  #invalidations;
  /** @type {{ record: number, load: Span }[]} */
  #unjudged = [];

  /** @param {number} records @param {import('./phases.mjs').Phases} phases @param {import('./tally.mjs').Tally} tally */
  constructor(records, phases, tally) {
    this.phases = phases;
    this.tally = tally;
    this.#loads = Array.from({ length: records }, () => []);
    this.#invalidations = Array.from({ length: records }, () => []);
  }

  /** Said twice of each load: first with NaN for its end. @param {string} process @param {number} number @param {number} record @param {Span} span */
  add(process, number, record, { beganMs, endedMs }) {
    const id = `${process} ${number}`;
    const running = this.#running.get(id);
    if (running !== undefined) {
      running.endedMs = endedMs;
      this.#running.delete(id);
    } else if (Number.isNaN(endedMs)) {
      const load = { record, beganMs, endedMs: Infinity };
      this.#running.set(id, load);
      remember(this.#of(record), load);
      this.#unjudged.push({ record, load });
      this.tally.loads += 1;
    }
  }

  /** @param {number} record @param {Span} span */
  invalidated(record, span) {
    remember(/** @type {Span[]} */ (this.#invalidations[record]), span);
  }

  /** A process that died took its loads along. @param {string} process @param {number} atMs */
  left(process, atMs) {
    for (const [id, load] of this.#running) {
      if (!id.startsWith(`${process} `)) continue;
      load.endedMs = atMs;
      this.#running.delete(id);
    }
  }

  /** How long something took besides the loads of its record. @param {number} record @param {number} beganMs @param {number} endedMs */
  overheadMs(record, beganMs, endedMs) {
    let overheadMs = endedMs - beganMs;
    if (overheadMs < 1) return overheadMs;
    let doneMs = beganMs;
    const overlapping = this.#of(record).filter((load) => load.beganMs < endedMs && beganMs < load.endedMs);
    for (const load of overlapping.sort((a, b) => a.beganMs - b.beganMs)) {
      const fromMs = Math.max(load.beganMs, doneMs);
      const untilMs = Math.min(load.endedMs, endedMs);
      if (untilMs <= fromMs) continue;
      overheadMs -= untilMs - fromMs;
      doneMs = untilMs;
    }
    return overheadMs;
  }

  /** @param {number} knownUntilMs every process has told what it did until then */
  judge(knownUntilMs) {
    let judged = 0;
    for (const { record, load } of this.#unjudged) {
      // They come in batches of several processes, so the order is not exact.
      if (load.beganMs > knownUntilMs - PATIENCE_MS) break;
      judged += 1;
      this.#judgeLoad(record, load);
    }
    this.#unjudged.splice(0, judged);
  }

  /** @param {number} record @param {Span} load */
  #judgeLoad(record, load) {
    const phase = this.phases.at(load.beganMs);
    const others = this.#of(record).filter((other) => other.beganMs < load.beganMs && load.beganMs < other.endedMs);
    const { mostLoadsAtOnce } = this.tally;
    mostLoadsAtOnce[phase] = Math.max(mostLoadsAtOnce[phase], others.length + 1);
    const invalidations = /** @type {Span[]} */ (this.#invalidations[record]);
    const wouldHaveDone = (/** @type {Span} */ other) =>
      this.phases.at(other.beganMs) === 'healthy' &&
      !invalidations.some(({ beganMs, endedMs }) => beganMs < load.beganMs && other.beganMs < endedMs);
    if (phase === 'healthy' && others.some(wouldHaveDone)) this.tally.needlessLoads += 1;
  }

  /** @param {number} record */
  #of(record) {
    return /** @type {Span[]} */ (this.#loads[record]);
  }
}

/** @param {Span[]} spans @param {Span} span */
function remember(spans, span) {
  spans.push(span);
  if (spans.length < 400) return;
  const oldestMs = span.beganMs - KEPT_MS;
  const kept = spans.filter(({ endedMs }) => endedMs > oldestMs);
  spans.splice(0, spans.length, ...kept.slice(-1000));
}
