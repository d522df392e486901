// @ts-check
import { DISABLED } from './measures/disabled.mjs';
import { MEMORY } from './measures/memory.mjs';
import { OUTAGES } from './measures/outages.mjs';
import { PREFIX } from './measures/prefix.mjs';
import { STALENESS } from './measures/staleness.mjs';
import { STAMPEDE } from './measures/stampede.mjs';
import { TAG_INVALIDATION } from './measures/tag-invalidation.mjs';
import { TAGGED_HITS } from './measures/tagged-hits.mjs';
import { numberOf, ratioOf } from './results.mjs';
import { OURS } from './systems.mjs';

/**
 * What a figure of ours must be.
 *
 * @typedef {object} Target
 * @property {string} scenario
 * @property {string} [number] of a measure; without, the ratio of a race
 * @property {number} [atLeast]
 * @property {number} [atMost]
 * @property {boolean} [isRelative] whether it says the same on any machine; default: it does for a race
 */

const DEADLINE_MS = 250;
const ALLOWANCE_MS = 10;

/** @type {readonly Target[]} */
export const TARGETS = [
  { scenario: 'memory hit, getOrSet', atLeast: 0.65 },
  { scenario: 'memory hit, get', atLeast: 0.9 },
  { scenario: 'Redis hit, 1000 bytes, 64 at a time', atLeast: 1 },
  { scenario: 'Redis hit, 1000 bytes, 256 at a time', atLeast: 1.05 },
  { scenario: 'Redis hit, 100 bytes, 64 at a time', atLeast: 1.2 },
  { scenario: 'miss, 64 at a time', atLeast: 0.7 },
  { scenario: 'batch of 100 Redis hits, getMany', atLeast: 1 },
  { scenario: 'batch of 100 Redis hits, getOrSetMany', atLeast: 1 },
  { scenario: STAMPEDE.name, number: '4 processes (loads)', atMost: 1, isRelative: true },
  { scenario: STAMPEDE.name, number: '4 processes (Redis commands)', atMost: 20, isRelative: true },
  { scenario: TAG_INVALIDATION.name, number: '100000 entries (round trips of PING)', atMost: 3, isRelative: true },
  { scenario: TAGGED_HITS.name, number: 'memory, speed of tagged (× untagged)', atLeast: 0.95, isRelative: true },
  { scenario: TAGGED_HITS.name, number: 'Redis, speed of tagged (× untagged)', atLeast: 0.95, isRelative: true },
  { scenario: PREFIX.name, number: 'time (× by hand)', atMost: 1.2, isRelative: true },
  { scenario: MEMORY.name, number: 'over the Map (bytes)', atMost: 120, isRelative: true },
  ...OUTAGES.flatMap(({ name }) => [
    { scenario: name, number: 'first call (ms)', atMost: DEADLINE_MS + ALLOWANCE_MS },
    { scenario: name, number: 'later calls, p50 (ms)', atMost: 0.05 },
    { scenario: name, number: 'longer than 2500 ms (%)', atMost: 0, isRelative: true },
    { scenario: name, number: 'failed (%)', atMost: 0, isRelative: true },
  ]),
  { scenario: DISABLED.name, number: 'added (µs)', atMost: 1 },
  { scenario: STALENESS.name, number: 'p50 (round trips of PING)', atMost: 4, isRelative: true },
  { scenario: STALENESS.name, number: 'p99 (ms)', atMost: 10 },
];

/** @param {Target} target @param {import('./results.mjs').Results} results @returns {number | undefined} what was measured */
export function measuredFor({ scenario, number }, results) {
  return number === undefined ? ratioOf(results, scenario, OURS) : numberOf(results, scenario, number, OURS);
}

/** @param {Target} target @param {number} measured */
export function isReached({ atLeast = -Infinity, atMost = Infinity }, measured) {
  return measured >= atLeast && measured <= atMost;
}
