// @ts-check

/**
 * @typedef {object} Verdict
 * @property {'ok' | 'defect' | 'absent'} kind `absent`: the system does not offer what the scenario is about
 * @property {string} [text] the defect, or how well it went, in few words
 */

/** @type {Verdict} */
export const OK = { kind: 'ok' };
/** @type {Verdict} */
export const ABSENT = { kind: 'absent' };

/** @param {string} text @returns {Verdict} */
export function defect(text) {
  return { kind: 'defect', text };
}

/** @param {string} text @returns {Verdict} */
export function ok(text) {
  return { kind: 'ok', text };
}

/** @param {unknown} error @returns {string} its name, and its code if it has one */
export function nameOf(error) {
  if (!(error instanceof Error)) return String(error);
  const { code } = /** @type {{ code?: unknown }} */ (error);
  return typeof code === 'string' ? code : error.constructor.name;
}

/** @param {number} ms @returns {string} such as `0.3 s` */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * The verdict over several trials: a defect that was seen once is a defect.
 * @param {Verdict[]} verdicts
 * @returns {Verdict}
 */
export function overall(verdicts) {
  const defects = verdicts.filter(({ kind }) => kind === 'defect');
  const worst = defects[0];
  if (!worst) return verdicts.at(-1) ?? ABSENT;
  return defects.length === verdicts.length ? worst : defect(`${worst.text} (${defects.length} of ${verdicts.length})`);
}

/** @param {Verdict | undefined} verdict @returns {string} */
export function cellOf({ kind, text } = defect('not run')) {
  if (kind === 'absent') return '—';
  if (kind === 'ok') return text ? `ok, ${text}` : 'ok';
  return text ?? 'defect';
}
