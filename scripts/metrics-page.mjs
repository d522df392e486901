// @ts-check
// docs/metrics.md, from the table of the code: `npm run generate` writes it, a test compares it.

/** @typedef {{ name: string, type: string, help: string, labels: Readonly<Record<string, readonly string[] | string>> }} Metric */

/** @type {readonly { title: string, isOf: (metric: Metric) => boolean }[]} */
const SECTIONS = [
  { title: 'Caches', isOf: ({ labels }) => 'cache' in labels },
  { title: 'Connections', isOf: ({ labels }) => 'connection' in labels },
  { title: 'Others', isOf: ({ labels }) => !('cache' in labels) && !('connection' in labels) },
];

const INTRODUCTION = `# Metrics

> Every metric there is, written from the table in the code by \`npm run generate\`. Counters stand on the hot path as plain
> numbers and are copied when Prometheus asks. No label ever holds a key, a tag, a user or a value.

Where they go, and how to serve them, is told by [health and metrics](health-and-metrics.md#prometheus), what to do when they
look bad by the [runbooks](runbooks/README.md). Times are in seconds, sizes in bytes. Counters of a cache begin at 0, so
that the first time something happens is seen as a change.
`;

const END = `## Bounds

| label                     | values                                                             |
| ------------------------- | ------------------------------------------------------------------ |
| \`cache\`                   | the first 50 names; further caches are counted together as \`other\` |
| \`command\` and \`operation\` | the first 64, then \`other\`                                         |
| \`error_type\`              | the first 32, then \`other\`                                         |
| \`connection\`              | the names in the module's options                                  |
| all others                | as listed                                                          |

What had to become \`other\` is counted in \`rcache_label_overflow_total\`. A cache has at most 165 series.

## Not measured

- **Sessions that are open**: Redis would have to be scanned. \`SessionService.count()\` does that when asked.
- **Entries and bytes in Redis**: neither, for the same reason; the memory of the whole server is there instead.
- **How many entries a tag held**: invalidating one is a single deletion, whatever it stands for.
`;

/**
 * The text of the page.
 *
 * @param {readonly Metric[]} metrics
 * @returns {string}
 */
export function metricsPage(metrics) {
  const tables = SECTIONS.map(({ title, isOf }) => `## ${title}\n\n${tableOf(metrics.filter(isOf))}`);
  return [INTRODUCTION, ...tables, END].join('\n');
}

/** @param {readonly Metric[]} metrics */
function tableOf(metrics) {
  const rows = metrics.map(({ name, type, help, labels }) => [
    code(name),
    code(Object.keys(labels).join(', ')),
    type,
    `${help}${valuesOf(labels)}`,
  ]);
  return `<!-- table: metrics -->\n\n${aligned([['metric', 'labels', 'type', 'counts'], ...rows])}\n`;
}

/** A table as prettier lays it out. @param {readonly string[][]} rows */
function aligned(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}

/** @param {Metric['labels']} labels */
function valuesOf(labels) {
  return Object.entries(labels)
    .filter(([name]) => name !== 'cache' && name !== 'connection')
    .map(([name, values]) => ` \`${name}\`: ${typeof values === 'string' ? values : values.map(code).join(', ')}.`)
    .join('');
}

/** @param {string} text */
function code(text) {
  return text === '' ? '' : `\`${text}\``;
}
