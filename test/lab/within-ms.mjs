// @ts-check

/**
 * What a promise resolves to, or undefined when it rejects or takes longer.
 *
 * @template T
 * @param {number} ms
 * @param {Promise<T>} answer
 * @returns {Promise<T | undefined>}
 */
export async function withinMs(ms, answer) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const tooLate = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    return await Promise.race([answer, tooLate]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
