// @ts-check
// Elements and numbers as the page shows them. Text is only ever set as text: nothing here can become markup.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no ${id}.`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** What is the same is not touched, so that nobody loses a selection or hears it again.
 * @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Brings rows up to date in place, in the order of the items.
 * @template Item
 * @param {HTMLTableElement} table
 * @param {readonly Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {readonly ((cell: HTMLTableCellElement, item: Item) => void)[]} cells
 */
export function fillRows(table, items, keyOf, cells) {
  const [body] = table.tBodies;
  if (body === undefined) return;
  const known = new Map(Array.from(body.rows, (row) => [row.dataset.key ?? '', row]));
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    const row = known.get(key) ?? newRow(key, cells.length, table);
    known.delete(key);
    for (const [column, fill] of cells.entries()) fill(/** @type {HTMLTableCellElement} */ (row.cells[column]), item);
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  }
  for (const row of known.values()) row.remove();
}

/** @param {string} key @param {number} columns @param {HTMLTableElement} table */
function newRow(key, columns, table) {
  const row = element('tr', { 'data-key': key });
  for (let column = 0; column < columns; column += 1) {
    const cell = column === 0 ? element('th', { scope: 'row' }) : element('td');
    cell.className = table.tHead?.rows[0]?.cells[column]?.className ?? '';
    row.append(cell);
  }
  return row;
}

/**
 * A cell that shows text.
 * @template Item
 * @param {(item: Item) => string} textOf
 * @returns {(cell: HTMLTableCellElement, item: Item) => void}
 */
export function text(textOf) {
  return (cell, item) => setText(cell, textOf(item));
}

/**
 * A small line of shares from 0 to 1; the table beside it has the figure, so it is hidden from readers.
 * @param {HTMLElement} cell
 * @param {readonly (number | null)[]} shares
 */
export function sparkline(cell, shares) {
  const points = shares
    .flatMap((share, index) => (share === null ? [] : [`${index * 5},${22 - share * 20}`]))
    .join(' ');
  let line = cell.querySelector('polyline');
  if (line === null) {
    const svg = document.createElementNS(SVG, 'svg');
    for (const [name, value] of Object.entries({ width: '120', height: '24', 'aria-hidden': 'true' })) {
      svg.setAttribute(name, value);
    }
    line = document.createElementNS(SVG, 'polyline');
    for (const [name, value] of Object.entries({ fill: 'none', stroke: 'currentColor', 'stroke-width': '2' })) {
      line.setAttribute(name, value);
    }
    svg.append(line);
    cell.replaceChildren(svg);
  }
  line.setAttribute('points', points);
}

const NONE = '–';
const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** @param {number | null | undefined} share */
export const percent = (share) => (share === null || share === undefined ? NONE : `${short.format(share * 100)} %`);

/** @param {number | null | undefined} value */
export const count = (value) => (value === null || value === undefined ? NONE : whole.format(value));

/** @param {number | null | undefined} value */
export const rate = (value) => (value === null || value === undefined ? NONE : short.format(value));

/** @param {number | null | undefined} ms */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return NONE;
  return ms >= 1000 ? `${short.format(ms / 1000)} s` : `${short.format(ms)} ms`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 120) return `${short.format(seconds)} s`;
  return seconds < 7200 ? `${short.format(seconds / 60)} min` : `${short.format(seconds / 3600)} h`;
}

/** @param {number} size */
export function bytes(size) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(size) / 10));
  return `${short.format(size / 1024 ** power)} ${units[power] ?? ''}`;
}

/** @param {number} atMs */
export const clock = (atMs) => new Date(atMs).toLocaleTimeString();
