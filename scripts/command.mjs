// @ts-check
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = new URL('..', import.meta.url);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Runs a program to its end, without a terminal.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string | URL, env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options] `cwd` is the repository by
 *   default; `env` adds to ours
 * @returns {Promise<string>} what it wrote to stdout
 * @throws {Error} with everything it wrote when it fails
 */
export async function command(program, args, { cwd = root, env, timeoutMs } = {}) {
  const options = { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES };
  try {
    return (await run(program, args, options)).stdout;
  } catch (error) {
    const { stdout, stderr, killed } = /** @type {{ stdout?: string, stderr?: string, killed?: boolean }} */ (error);
    const how = killed && timeoutMs ? `did not end within ${timeoutMs} ms` : 'failed';
    throw new Error(`${program} ${args.join(' ')} ${how}:\n${`${stdout ?? ''}${stderr ?? ''}`.trim() || error}`, {
      cause: error,
    });
  }
}
