// @ts-check

/** @typedef {import('./torture.mjs').TortureResult} TortureResult */
/** @typedef {import('./phases.mjs').Phase} Phase */

/** What each row of the table shows of a run. @type {Record<string, (result: TortureResult) => string | number>} */
const FIGURES = {
  seed: ({ seed }) => seed,
  'processes, seconds': ({ processes, lastedMs }) => `${processes}, ${(lastedMs / 1000).toFixed(0)}`,
  faults: ({ faults }) => faults,
  reads: ({ tally }) => tally.reads,
  loads: ({ tally }) => tally.loads,
  '… while one was under way that would have done': ({ tally }) => tally.needlessLoads,
  '… without Redis': ({ unstored }) => unstored.unavailable ?? 0,
  'writes of the truth': ({ tally }) => tally.writes,
  invalidations: ({ tally }) => tally.invalidations,
  'fills refused': ({ unstored }) => unstored.refused ?? 0,
  'old answers while healthy': oldAnswers('healthy'),
  '… under a fault': oldAnswers('fault'),
  '… while split': oldAnswers('split'),
  'time of a read besides loaders, p99, healthy': ({ tally }) => ms(tally.overheadMs.healthy.percentile(99)),
  '… the longest, whatever happened': ({ tally }) =>
    ms(Math.max(...Object.values(tally.overheadMs).map(({ count, max }) => (count === 0 ? 0 : max)))),
  'growth of a heap': ({ heapGrowthMb }) => `${heapGrowthMb.toFixed(0)} MB`,
  violations: ({ violationCount }) => violationCount,
};

/** One column per run. @param {readonly TortureResult[]} results */
export function tableOf(results) {
  const head = ['', ...results.map(({ topology }) => topology)];
  const rows = Object.entries(FIGURES).map(([name, figure]) => [
    name,
    ...results.map((result) => String(figure(result))),
  ]);
  return asMarkdown([head, ...rows]);
}

/** @param {string[][]} rows the first of them the head */
export function asMarkdown([head = [], ...body]) {
  const cells = [head, ...body];
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}

/** @param {Phase} phase @returns {(result: TortureResult) => string} */
function oldAnswers(phase) {
  return ({ tally }) => {
    const histogram = tally.staleMs[phase];
    return histogram.count === 0 ? '0' : `${histogram.count}, oldest ${ms(histogram.max)}`;
  };
}

/** @param {number} microseconds */
function ms(microseconds) {
  const value = microseconds / 1000;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
