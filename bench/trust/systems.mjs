// @ts-check

/** The files of `adapters/`, in the order of the columns. */
export const SYSTEMS = ['ours', 'bentocache', 'cache-manager', 'cacheable', 'async-cache-dedupe', 'ioredis'];

/**
 * Loads one system and no other, whose packages a process need not read.
 * @param {string} system
 * @returns {Promise<import('./adapter.mjs').Adapter>}
 */
export async function adapterOf(system) {
  const { adapter } = await import(`./adapters/${system}.mjs`);
  return adapter;
}
