// @ts-check
// Installs what is missing, with node built-ins only: it runs before there are dependencies.
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { command } from './command.mjs';
import { findProgram } from './find-program.mjs';
import { withProgress } from './progress.mjs';
import { HOW_TO_GET_REDIS, findRedis } from './redis-server.mjs';

const root = new URL('..', import.meta.url);

/** Runs `npm ci` unless everything package-lock.json asks for is installed in that version. */
export async function ensureDependencies() {
  if (hasDependencies()) return;
  await withProgress('Installing dependencies (npm ci)', () => command('npm', ['ci', '--no-audit', '--no-fund']));
}

/**
 * Makes `startRedis` possible: a program on PATH, else one from a package manager we may use, else a Docker engine.
 * @returns {Promise<boolean>} whether there is a Redis now
 */
export async function ensureRedis() {
  if (findProgram(['redis-server', 'valkey-server'])) return true;
  const install = packageManager();
  if (install) {
    await withProgress('Installing Redis', install).catch((error) =>
      console.error(`Redis was not installed: ${error.message}`),
    );
  }
  return (await findRedis()) !== undefined;
}

// Versions are compared, not file times: npm writes both files within a moment, and git sets times of its own.
function hasDependencies() {
  const installed = readPackages('node_modules/.package-lock.json');
  if (!installed) return false;
  return Object.entries(readPackages('package-lock.json') ?? {}).every(
    ([path, { version, optional, link }]) =>
      !path.includes('node_modules/') || optional || link || installed[path]?.version === version,
  );
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string, optional?: boolean, link?: boolean }> | undefined}
 */
function readPackages(lockFile) {
  const url = new URL(lockFile, root);
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).packages : undefined;
}

/**
 * How Redis is installed here without asking anybody; undefined where that takes a password or a decision.
 * @returns {(() => Promise<unknown>) | undefined}
 */
function packageManager() {
  const brew = findProgram(['brew']);
  if (brew) return () => command(brew, ['install', 'redis']);
  const apt = findProgram(['apt-get']);
  if (!apt || process.getuid?.() !== 0) return undefined;
  return async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await command(apt, ['update'], { env });
    await command(apt, ['install', '-y', '--no-install-recommends', 'redis-server'], { env });
    // The package starts a service on port 6379 that nobody asked for.
    const [stop, args] = existsSync('/run/systemd/system')
      ? ['systemctl', ['disable', '--now', 'redis-server']]
      : ['service', ['redis-server', 'stop']];
    await command(stop, args).catch(() => undefined);
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await ensureDependencies();
  if (!(await ensureRedis())) console.log(HOW_TO_GET_REDIS);
}
