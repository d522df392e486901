// @ts-check
import { CLEARING } from './clearing.mjs';
import { COHERENCE } from './coherence.mjs';
import { LATE_LOADER } from './late-loader.mjs';
import { LOADS } from './loads.mjs';
import { OUTAGES } from './outages.mjs';
import { SECRETS } from './secrets.mjs';
import { VALUES } from './values.mjs';

/**
 * One row of the comparison.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} means one or two sentences; A and B are processes
 * @property {readonly import('../adapter.mjs').Feature[]} [needs] a system without them is not asked
 * @property {import('../lab.mjs').LabOptions} [lab]
 * @property {number} [trials] each with a Redis of its own, default 3
 * @property {(lab: import('../lab.mjs').Lab) => Promise<import('../verdict.mjs').Verdict>} run
 */

/**
 * A table of the comparison.
 *
 * @typedef {object} Group
 * @property {string} title
 * @property {readonly Scenario[]} scenarios
 * @property {boolean} [isTunedToo] also with clients that were given timeouts by hand
 */

/** @type {readonly Group[]} */
export const GROUPS = [
  { title: 'Invalidated while it is loaded', scenarios: LATE_LOADER },
  { title: 'Memory of the other process', scenarios: COHERENCE },
  { title: 'Loads', scenarios: LOADS },
  { title: 'Values and keys', scenarios: VALUES },
  { title: 'Clearing', scenarios: CLEARING },
  { title: 'Redis away', scenarios: OUTAGES, isTunedToo: true },
  { title: 'Secrets', scenarios: SECRETS },
];
