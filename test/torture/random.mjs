// @ts-check

/**
 * A seeded source of randomness (mulberry32): the same seed makes the same choices. When things happen still depends on
 * the machine, so a seed repeats a run's plan, not its history.
 * @typedef {ReturnType<typeof seeded>} Random
 */

/** @param {number} seed */
export function seeded(seed) {
  let state = seed >>> 0;
  /** 0 <= next < 1 */
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  /** A whole number, 0 <= below < count. */
  const below = (/** @type {number} */ count) => Math.floor(next() * count);
  return {
    next,
    below,
    chance: (/** @type {number} */ share) => next() < share,
    between: (/** @type {number} */ least, /** @type {number} */ most) => least + next() * (most - least),
    /** @template T @param {readonly T[]} list @returns {T} */
    pick: (list) => /** @type {T} */ (list[below(list.length)]),
    /** `count` different ones, or all there are. @template T @param {readonly T[]} list @param {number} count */
    some: (list, count) => {
      const left = [...list];
      return Array.from(
        { length: Math.min(count, left.length) },
        () => /** @type {T} */ (left.splice(below(left.length), 1)[0]),
      );
    },
    /** One of the names, by weight. @template {string} Name @param {Record<Name, number>} weights @returns {Name} */
    weighted: (weights) => {
      const entries = /** @type {[Name, number][]} */ (Object.entries(weights));
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
      return /** @type {[Name, number]} */ (entries.at(-1))[0];
    },
  };
}
