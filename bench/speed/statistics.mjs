// @ts-check

/** @param {number[]} numbers at least one @returns {number} */
export function median(numbers) {
  return quantile(numbers, 0.5);
}

/** Half of the numbers lie within this distance of one another. @param {number[]} numbers @returns {number} */
export function spread(numbers) {
  return quantile(numbers, 0.75) - quantile(numbers, 0.25);
}

/** @param {number[]} numbers @param {number} share 0 is the least, 1 the greatest @returns {number} */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
}

/**
 * The line through points with the least squared distance.
 * @param {readonly (readonly [x: number, y: number])[]} points at least two
 * @returns {{ base: number, perUnit: number }} where it meets x = 0, and how much y grows with x
 */
export function lineThrough(points) {
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(([each]) => each));
  const y = mean(points.map(([, each]) => each));
  const perUnit = mean(points.map(([a, b]) => (a - x) * (b - y))) / mean(points.map(([a]) => (a - x) ** 2));
  return { base: y - perUnit * x, perUnit };
}
