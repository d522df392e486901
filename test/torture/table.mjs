// @ts-check

/** @typedef {import('./torture.mjs').TortureResult} TortureResult */

/** The results as the rows of one table, the first of them its head. @param {readonly TortureResult[]} results @returns {string[][]} */
export function tableOf(results) {
  const rows = results.map((result) => {
    const { tally } = result;
    const ageOf = (/** @type {'healthy' | 'fault' | 'split'} */ phase) => {
      const { count, max } = tally.staleMs[phase];
      return count === 0
        ? '0'
        : `${tally.staleReads[phase]}, p99 ${ms(tally.staleMs[phase].percentile(99))}, max ${ms(max)}`;
    };
    return {
      topology: result.topology,
      seed: String(result.seed),
      processes: String(result.processes),
      seconds: (result.lastedMs / 1000).toFixed(0),
      faults: String(result.faults),
      reads: String(tally.reads),
      loads: String(tally.loads),
      needless: String(tally.needlessLoads),
      invalidations: String(tally.invalidations),
      'fills refused': String(result.unstored.refused ?? 0),
      'loads without Redis': String(result.unstored.unavailable ?? 0),
      'old reads, healthy': ageOf('healthy'),
      'under faults': ageOf('fault'),
      'while split': ageOf('split'),
      'slowest read besides loaders': ms(
        Math.max(...Object.values(tally.overheadMs).map(({ max, count }) => (count === 0 ? 0 : max))),
      ),
      violations: String(result.violationCount),
    };
  });
  const [first = {}] = rows;
  return [Object.keys(first), ...rows.map((row) => Object.values(row))];
}

/** @param {string[][]} rows */
export function asMarkdown([head = [], ...body]) {
  const all = [head, head.map(() => '---'), ...body];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, cell === '---' ? '-' : ' ')).join(' | ')} |`;
  return all.map(line).join('\n');
}

/** @param {number} microseconds */
function ms(microseconds) {
  const value = microseconds / 1000;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
