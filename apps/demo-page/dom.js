// @ts-check

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

/**
 * What is the same is not touched, so that nobody loses a selection or hears it again.
 * @param {Node} node @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

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
