// @ts-check
import { byId, element } from './dom.js';

const HEIGHT_PX = 220;
const LEAST_MS = 1;

/** Milliseconds over time on a logarithmic scale, one line without the cache and one with it. */
export class Plot {
  /** @type {any} */
  #plot;
  /** @type {[number[], (number | null)[], (number | null)[]]} */
  #data = [[], [], []];

  constructor() {
    const box = byId('plot');
    new ResizeObserver(() => this.#plot?.setSize({ width: box.clientWidth, height: HEIGHT_PX })).observe(box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot?.destroy();
      this.#plot = undefined;
      this.show(this.#data);
    });
  }

  /** @param {[seconds: number[], without: (number | null)[], having: (number | null)[]]} data null where there was no answer */
  show(data) {
    this.#data = data;
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = draw(byId('plot'), data);
  }
}

/** @param {HTMLElement} box @param {unknown} data */
function draw(box, data) {
  const UPlot = /** @type {any} */ (globalThis).uPlot;
  const axis = { stroke: colourOf('axis-colour'), grid: { stroke: colourOf('grid-colour'), width: 1 } };
  const clock = (/** @type {number} */ seconds) => new Date(seconds * 1000).toLocaleTimeString();
  return new UPlot(
    {
      width: box.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      scales: {
        y: {
          distr: 3,
          range: (/** @type {any} */ _plot, /** @type {number} */ _least, /** @type {number} */ max) => [
            LEAST_MS,
            Math.max(max * 2, 100),
          ],
        },
      },
      axes: [
        { ...axis, space: 90, values: (/** @type {any} */ _plot, /** @type {number[]} */ ticks) => ticks.map(clock) },
        {
          ...axis,
          size: 72,
          values: (/** @type {any} */ _plot, /** @type {(number | null)[]} */ ticks) => ticks.map(label),
        },
      ],
      series: [
        {},
        { label: 'without', stroke: colourOf('series-1-colour', 'series-1'), dash: [8, 4], width: 2 },
        { label: 'with', stroke: colourOf('series-2-colour', 'series-2'), width: 2 },
      ],
    },
    data,
    box,
  );
}

/** @param {number | null} ms */
const label = (ms) => (ms !== null && Number.isInteger(Math.log10(ms)) ? `${ms} ms` : '');

/** Canvases know no variables: an element has the colour that is meant now. @param {string} id @param {string} [className] */
function colourOf(id, className = '') {
  let probe = document.getElementById(id);
  if (probe === null) {
    probe = element('span', { id, class: className, hidden: '' });
    document.body.append(probe);
  }
  return getComputedStyle(probe).color;
}
