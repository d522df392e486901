// @ts-check

/** @param {number[]} numbers at least one @returns {number} */
export function median(numbers) {
  return quantile(numbers, 0.5);
}

/** Half of the numbers lie within this distance of one another. @param {number[]} numbers @returns {number} */
export function spread(numbers) {
  return quantile(numbers, 0.75) - quantile(numbers, 0.25);
}

/** @param {number[]} numbers @param {number} share @returns {number} */
function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
}
