// @ts-check
import { COMPRESSION } from './compression.mjs';
import { COSTS } from './costs.mjs';
import { DISABLED } from './disabled.mjs';
import { FLEET } from './fleet.mjs';
import { GROWTH } from './growth.mjs';
import { MEMORY } from './memory.mjs';
import { OUTAGES } from './outages.mjs';
import { PREFIX } from './prefix.mjs';
import { STALENESS } from './staleness.mjs';
import { STAMPEDE } from './stampede.mjs';
import { TAGGED_HITS } from './tagged-hits.mjs';
import { TAG_INVALIDATION } from './tag-invalidation.mjs';

/**
 * A question whose answer is not operations per second but numbers with names, which end in their unit: `first call (ms)`.
 *
 * @typedef {object} Measure
 * @property {string} name
 * @property {readonly string[]} systems
 * @property {number} [rounds] fresh processes of each system, default 3; the median counts
 * @property {number} [peerRounds] the same of systems that are not ours, default as `rounds`
 * @property {boolean} [isQuick] whether a quick run has it
 * @property {readonly string[]} [flags] of Node
 * @property {(context: Context) => Promise<Record<string, number>>} measure in a process of its own; a number that cannot be
 *   had is `NaN`
 */

/**
 * What a measure is done with. Its servers and processes are gone when it ends.
 *
 * @typedef {object} Context
 * @property {string} system
 * @property {Limits} limits
 * @property {(args?: string[]) => Promise<import('../../../scripts/servers.mjs').RedisServer>} startRedis
 * @property {(options: import('../systems.mjs').StartOptions) => Promise<import('../systems.mjs').Subject>} start the system
 * @property {(options: import('../systems.mjs').StartOptions, module: string) => Promise<import('../peer.mjs').Ask>} fork another
 *   process with the system, in which `answer` of that module answers
 */

/**
 * How much is done.
 * @typedef {object} Limits
 * @property {number} rounds windows of each
 * @property {number} windowMs
 * @property {number} samples of what is measured one by one
 * @property {number} maxEntries sizes beyond it are left out
 * @property {number} maxEngines
 */

/** @type {Record<'full' | 'quick' | 'tiny', Limits>} */
export const LIMITS = {
  full: { rounds: 7, windowMs: 100, samples: 300, maxEntries: 100_000, maxEngines: 64 },
  quick: { rounds: 3, windowMs: 50, samples: 50, maxEntries: 10_000, maxEngines: 16 },
  tiny: { rounds: 1, windowMs: 1, samples: 3, maxEntries: 1_000, maxEngines: 4 },
};

/** @type {readonly Measure[]} */
export const MEASURES = [
  TAGGED_HITS,
  TAG_INVALIDATION,
  PREFIX,
  STAMPEDE,
  STALENESS,
  ...OUTAGES,
  DISABLED,
  MEMORY,
  ...COSTS,
  COMPRESSION,
  ...GROWTH,
  FLEET,
];
