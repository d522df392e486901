// @ts-check
// Charts over time, each with its figures in a table behind it.
import { byId, clock, element, fillRows, milliseconds, percent, rate, setText, text } from './dom.js';

/** @typedef {import('../src/admin/admin.service.js').HistoryOverview} History */
/** @typedef {{ name: string, values: (history: History) => (number | null)[] }} Line */
/** @typedef {{ title: string, lines: Line[], format: (value: number | null | undefined) => string, most?: number }} Chart */

const HEIGHT_PX = 180;
const TABLE_ROWS = 60;
const DASHES = [[], [8, 4], [2, 4], [12, 3, 2, 3]];

/** @param {History} history @param {number[]} values */
const perSecond = (history, values) => values.map((value) => (value * 1000) / history.stepMs);

/** @type {Chart[]} */
const CHARTS = [
  {
    title: 'Hit ratio',
    format: percent,
    most: 1,
    lines: [
      {
        name: 'hits of requests',
        values: ({ total }) =>
          total.requests.map((requests, index) => (requests === 0 ? null : (total.hits[index] ?? 0) / requests)),
      },
    ],
  },
  {
    title: 'Source seconds saved per second',
    format: rate,
    lines: [{ name: 'saved', values: (history) => perSecond(history, history.total.savedSeconds) }],
  },
  {
    title: 'Latency',
    format: milliseconds,
    lines: [
      { name: 'read p50', values: ({ read }) => read.map(({ p50Ms }) => p50Ms) },
      { name: 'read p95', values: ({ read }) => read.map(({ p95Ms }) => p95Ms) },
      { name: 'read p99', values: ({ read }) => read.map(({ p99Ms }) => p99Ms) },
      { name: 'load p95', values: ({ load }) => load.map(({ p95Ms }) => p95Ms) },
    ],
  },
  {
    title: 'Per second',
    format: rate,
    lines: [
      { name: 'requests', values: (history) => perSecond(history, history.total.requests) },
      { name: 'loads', values: (history) => perSecond(history, history.total.loads) },
      { name: 'failed loads', values: (history) => perSecond(history, history.total.loadErrors) },
    ],
  },
];

/** @typedef {{ chart: Chart, box: HTMLElement, table: HTMLTableElement, details: HTMLDetailsElement, now: HTMLElement[], plot: any }} Drawn */

/** All charts, drawn into the page. */
export class Charts {
  /** @type {Drawn[]} */
  #drawn = CHARTS.map(figureOf);
  /** @type {History | undefined} */
  #history;

  constructor() {
    byId('charts').append(...this.#drawn.map(({ box }) => /** @type {HTMLElement} */ (box.parentElement)));
    for (const each of this.#drawn) each.details.addEventListener('toggle', () => this.#fill(each));
    new ResizeObserver(() => {
      for (const { plot, box } of this.#drawn) plot?.setSize({ width: box.clientWidth, height: HEIGHT_PX });
    }).observe(byId('charts'));
  }

  /** @param {History} history without the step that is not over */
  show(history) {
    this.#history = history;
    for (const each of this.#drawn) {
      const data = dataOf(each.chart, history);
      if (each.plot === undefined) each.plot = plotOf(each, data);
      else each.plot.setData(data);
      const latest = each.chart.lines.map((_, index) => each.chart.format(data[index + 1]?.at(-1)));
      for (const [index, now] of each.now.entries()) setText(now, ` ${latest[index] ?? ''}`);
      const said = each.chart.lines.map(({ name }, index) => `${name} ${latest[index] ?? ''}`).join(', ');
      each.box.setAttribute('aria-label', `${each.chart.title}: ${said}. The table below has all figures.`);
      this.#fill(each);
    }
  }

  /** Draws anew, in the colours there are now. */
  recolour() {
    for (const each of this.#drawn) {
      each.plot?.destroy();
      each.plot = undefined;
    }
    if (this.#history !== undefined) this.show(this.#history);
  }

  /** @param {Drawn} drawn */
  #fill({ chart, table, details }) {
    if (!details.open || this.#history === undefined) return;
    const [times = [], ...lines] = dataOf(chart, this.#history);
    const rows = times.map((time, index) => ({ time: Number(time), values: lines.map((line) => line[index]) }));
    fillRows(table, rows.reverse().slice(0, TABLE_ROWS), ({ time }) => String(time), [
      text(({ time }) => clock(time * 1000)),
      ...chart.lines.map((_, line) => text(({ values }) => chart.format(values[line]))),
    ]);
  }
}

/** @param {Chart} chart @returns {Drawn} */
function figureOf(chart) {
  const now = chart.lines.map(() => element('b'));
  const legend = chart.lines.map(({ name }, index) =>
    element('span', {}, element('i', { class: `swatch series-${index + 1}` }), name, /** @type {Node} */ (now[index])),
  );
  const label = `${chart.title}: no figures yet`;
  const box = element('div', { class: 'chart', role: 'img', 'aria-label': label });
  const head = element(
    'tr',
    {},
    element('th', { scope: 'col' }, 'Time'),
    ...chart.lines.map(({ name }) => element('th', { scope: 'col', class: 'number' }, name)),
  );
  const table = element('table', {}, element('thead', {}, head), element('tbody'));
  const region = { class: 'scroll tall', role: 'group', tabindex: '0', 'aria-label': `Figures: ${chart.title}` };
  const details = element('details', {}, element('summary', {}, 'Table'), element('div', region, table));
  element('figure', {}, element('figcaption', {}, element('strong', {}, chart.title), ...legend), box, details);
  return { chart, box, table, details, now, plot: undefined };
}

/** @param {Chart} chart @param {History} history @returns {(number | null)[][]} */
function dataOf({ lines }, history) {
  return [history.atMs.map((atMs) => atMs / 1000), ...lines.map(({ values }) => values(history))];
}

/** @param {Drawn} drawn @param {(number | null)[][]} data */
function plotOf({ chart, box }, data) {
  const UPlot = /** @type {any} */ (globalThis).uPlot;
  const axis = { stroke: colourOf('axis-colour'), grid: { stroke: colourOf('grid-colour'), width: 1 } };
  return new UPlot(
    {
      width: box.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { sync: { key: 'time' } },
      scales: {
        y: {
          range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [
            0,
            chart.most ?? Math.max(most * 1.1, 0.001),
          ],
        },
      },
      axes: [
        { ...axis, space: 90, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(timeOf) },
        { ...axis, size: 64, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(chart.format) },
      ],
      series: [
        {},
        ...chart.lines.map(({ name }, index) => ({
          label: name,
          stroke: colourOf(`series-${index + 1}-colour`),
          dash: DASHES[index],
          width: 2,
          points: { show: data[0] !== undefined && data[0].length < 3 },
        })),
      ],
    },
    data,
    box,
  );
}

/** @param {number} seconds */
const timeOf = (seconds) => clock(seconds * 1000);

/** Canvases know no variables: an element has the colour that is meant now. @param {string} id */
function colourOf(id) {
  let probe = document.getElementById(id);
  if (probe === null) {
    probe = element('span', { id, class: id.replace('-colour', ''), hidden: '' });
    document.body.append(probe);
  }
  return getComputedStyle(probe).color;
}
