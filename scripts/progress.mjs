// @ts-check

const TICK_MS = 1_000;

/**
 * Runs a long step and shows that it is alive: a line that counts seconds on a terminal, a line at the start and at the
 * end elsewhere. Writes to stderr, so that a script's output stays its own.
 *
 * @template T
 * @param {string} title what is happening, such as "Installing dependencies"
 * @param {() => Promise<T>} step
 * @returns {Promise<T>}
 */
export async function withProgress(title, step) {
  const startedAtMs = performance.now();
  const line = () => `${title} … ${Math.round((performance.now() - startedAtMs) / 1_000)} s`;
  const isTerminal = process.stderr.isTTY;
  process.stderr.write(isTerminal ? line() : `${title} …\n`);
  const ticker = isTerminal && setInterval(() => process.stderr.write(`\r${line()}`), TICK_MS);
  try {
    return await step();
  } finally {
    if (ticker) clearInterval(ticker);
    process.stderr.write(`${isTerminal ? '\r' : ''}${line()}\n`);
  }
}
