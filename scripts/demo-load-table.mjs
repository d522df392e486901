// @ts-check
/** @typedef {import('./demo-load-run.mjs').RunResult} RunResult */
/** @typedef {import('./demo-load-run.mjs').Percentiles} Percentiles */

const ms = (/** @type {number} */ value) => `${value.toFixed(1)} ms`;
const share = (/** @type {number | undefined} */ value) =>
  value === undefined ? '-' : `${(value * 100).toFixed(1)} %`;

/**
 * The same requests with each cache. The gain is that of the last column over the first.
 * @param {Record<string, RunResult>} columns by title
 */
export function loadTable(columns) {
  const runs = Object.values(columns);
  const [first, last] = /** @type {[RunResult, RunResult]} */ ([runs[0], runs.at(-1)]);
  const times = (/** @type {(run: RunResult) => number} */ of, isMoreBetter = false) => {
    const [worse, better] = isMoreBetter ? [of(last), of(first)] : [of(first), of(last)];
    return better > 0 ? `${(worse / better).toFixed(1)} x` : '-';
  };
  /** @param {string} title @param {(run: RunResult) => number} of */
  const timed = (title, of) => [title, ...runs.map((run) => ms(of(run))), times(of)];
  /** @param {string} title @param {(run: RunResult) => string} of */
  const told = (title, of) => [title, ...runs.map(of), ''];
  const PERCENTILES = /** @type {const} */ (['p50', 'p95', 'p99']);
  return textTable([
    ['', ...Object.keys(columns), 'gain'],
    ...PERCENTILES.map((name) => timed(`reads ${name}`, ({ readMs }) => readMs[name])),
    timed('writes p50', ({ writeMs }) => writeMs.p50),
    [
      'requests per second',
      ...runs.map((run) => run.requestsPerSecond.toFixed(0)),
      times((run) => run.requestsPerSecond, true),
    ],
    [
      'SQL statements',
      ...runs.map(({ sqlStatements }) => String(sqlStatements)),
      times(({ sqlStatements }) => sqlStatements),
    ],
    told('hit ratio', ({ hitRatio }) => share(hitRatio)),
    told('coalesced loads', ({ coalescedLoads }) => String(coalescedLoads ?? '-')),
    told('304 answers', ({ notModifiedShare }) => share(notModifiedShare)),
    told('errors', ({ errors }) => String(errors.length)),
    told('wrong answers', ({ wrong }) => String(wrong.length)),
    ...Object.keys(first.p50Ms).map((name) => timed(`p50 ${name}`, ({ p50Ms }) => p50Ms[name] ?? 0)),
  ]);
}

/**
 * What clients saw while Redis was away.
 * @param {string} title
 * @param {Record<string, import('./demo-load-outage.mjs').OutageResult>} columns by title
 */
export function outageTable(title, columns) {
  const runs = Object.values(columns);
  return textTable([
    [title, ...Object.keys(columns)],
    ['answered meanwhile', ...runs.map(({ answeredMeanwhile }) => String(answeredMeanwhile))],
    ['requests until well after', ...runs.map(({ requests }) => String(requests))],
    ['errors', ...runs.map(({ errors }) => String(errors.length))],
    ['wrong answers', ...runs.map(({ wrong }) => String(wrong.length))],
    ['reads p50', ...runs.map(({ readMs }) => ms(readMs.p50))],
    ['reads p99', ...runs.map(({ readMs }) => ms(readMs.p99))],
    ['slowest answer', ...runs.map(({ slowestMs }) => ms(slowestMs))],
  ]);
}

/** @param {string[][]} rows */
function textTable(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
