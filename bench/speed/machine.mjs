// @ts-check
import { readFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { command } from '../../scripts/command.mjs';
import { findProgram } from '../../scripts/find-program.mjs';

/**
 * What was measured, and on what.
 * @returns {Promise<{ cores: number, versions: Record<string, string> }>}
 */
export async function machine() {
  const [library, peers] = await Promise.all([
    packageAt('../../libs/redis-cache/package.json'),
    packageAt('../package.json'),
  ]);
  return {
    cores: availableParallelism(),
    versions: {
      node: process.versions.node,
      'Redis server': await redisVersion(),
      [library.name]: library.version,
      ...peers.dependencies,
    },
  };
}

/** Programs that wanted a core in the last minute. */
export function load() {
  return Number((loadavg()[0] ?? 0).toFixed(1));
}

/** @param {string} path */
async function packageAt(path) {
  return JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
}

async function redisVersion() {
  const program = findProgram(['redis-server', 'valkey-server']);
  if (!program) return 'of Docker';
  return /v=(\S+)/.exec(await command(program, ['--version']))?.[1] ?? 'unknown';
}
