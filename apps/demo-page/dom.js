// @ts-check

import { byId, element, setText } from '../../libs/redis-cache/page/dom.js';

// As on the admin page; the demo serves that file, too.
export { byId, element, setText };

/** @param {string} id */
export function bodyOf(id) {
  const [body] = /** @type {HTMLTableElement} */ (byId(id)).tBodies;
  if (body === undefined) throw new Error(`The table ${id} has no body.`);
  return body;
}

/**
 * A row whose first cell is its heading; texts that begin a `class` are given as `[class, text]`.
 * @param {(string | [className: string, text: string])[]} cells
 */
export function row(cells) {
  return element(
    'tr',
    {},
    ...cells.map((cell, index) => {
      const [className, text] = typeof cell === 'string' ? ['', cell] : cell;
      const attributes = { ...(index === 0 && { scope: 'row' }), ...(className && { class: className }) };
      return element(index === 0 ? 'th' : 'td', attributes, text);
    }),
  );
}

const digits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** @param {number | undefined} ms */
export function milliseconds(ms) {
  return ms === undefined ? '-' : `${digits.format(ms)} ms`;
}

/** @param {number} factor */
export const times = (factor) => `${digits.format(factor)} x`;
