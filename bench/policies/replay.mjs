// @ts-check

/** @typedef {import('./policies.mjs').Policy} Policy */

/** What the memory holds of a key; nobody looks at it. */
const VALUE = {};

/**
 * The share of the reads that the policy's cache answers.
 * @param {Policy} policy
 * @param {string[]} keys in the order of the reads
 * @param {number} fillsAt 1: each miss fills. 2: the first read of a key does not, as in a memory that is filled from Redis:
 *   it loads, and Redis keeps what it loaded for the rest of the trace
 * @returns {number}
 */
export function hitRatio(policy, keys, fillsAt) {
  const known = new Set();
  let hits = 0;
  for (const key of keys) {
    if (policy.get(key) !== undefined) hits += 1;
    else if (fillsAt === 1 || known.has(key)) policy.set(key, VALUE);
    else known.add(key);
  }
  return hits / keys.length;
}

/**
 * What no policy can surpass: one that knows the future, keeps what is asked for soonest and does not keep what is asked for
 * later than all it has (L. A. Belady, A study of replacement algorithms for a virtual-storage computer, 1966).
 * @param {number} size
 * @param {string[]} keys
 * @param {number} fillsAt
 * @returns {number}
 */
export function optimum(size, keys, fillsAt) {
  const next = nextReads(keys);
  const known = new Set();
  /** When each key that is held is read next, latest first: that of this moment, if there is one, is the last. */
  /** @type {number[]} */
  const held = [];
  let hits = 0;
  for (const [at, key] of keys.entries()) {
    const isHit = held.at(-1) === at;
    if (isHit) {
      held.pop();
      hits += 1;
    }
    const again = /** @type {number} */ (next[at]);
    const mayFill = isHit || fillsAt === 1 || known.has(key);
    known.add(key);
    if (again === Infinity || !mayFill) continue;
    held.splice(placeOf(again, held), 0, again);
    if (held.length > size) held.shift();
  }
  return hits / keys.length;
}

/** @param {string[]} keys @returns {Float64Array} of each read when its key is read again, or Infinity */
function nextReads(keys) {
  const next = new Float64Array(keys.length);
  /** @type {Map<string, number>} */
  const seen = new Map();
  for (let at = keys.length - 1; at >= 0; at -= 1) {
    const key = /** @type {string} */ (keys[at]);
    next[at] = seen.get(key) ?? Infinity;
    seen.set(key, at);
  }
  return next;
}

/** Where it belongs among numbers that fall. @param {number} wanted @param {number[]} falling */
function placeOf(wanted, falling) {
  let low = 0;
  let high = falling.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {number} */ (falling[middle]) > wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
