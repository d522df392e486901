// @ts-check
// Installs what is missing, with node built-ins only: it runs before there are dependencies.
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { findChromium, HOW_TO_GET_CHROMIUM } from './chromium.mjs';
import { command } from './command.mjs';
import { findProgram } from './find-program.mjs';
import { withProgress } from './progress.mjs';
import { findPromtool, HOW_TO_GET_PROMTOOL } from './promtool.mjs';
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
  await installSystemPackage('Redis', { brew: 'redis', apt: 'redis-server' });
  return (await findRedis()) !== undefined;
}

/**
 * Makes `promtool` possible, which checks the rules, alerts and queries of Prometheus: on PATH, else from a package manager
 * we may use.
 * @returns {Promise<boolean>} whether there is a promtool now
 */
export async function ensurePromtool() {
  if (!findPromtool()) await installSystemPackage('promtool', { brew: 'prometheus', apt: 'prometheus' });
  return findPromtool() !== undefined;
}

/**
 * Makes a browser possible, in which the admin page is tested: on PATH, else from a package manager we may use.
 * @returns {Promise<boolean>} whether there is one now
 */
export async function ensureChromium() {
  if (!findChromium()) await installSystemPackage('Chromium', { brew: 'chromium', apt: 'chromium' });
  return findChromium() !== undefined;
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
 * @param {string} name
 * @param {{ brew: string, apt: string }} packages
 */
async function installSystemPackage(name, packages) {
  const install = packageManager(packages);
  if (!install) return;
  await withProgress(`Installing ${name}`, install).catch((error) =>
    console.error(`${name} was not installed: ${error.message}`),
  );
}

/**
 * How a package is installed here without asking anybody; undefined where that takes a password or a decision.
 * @param {{ brew: string, apt: string }} packages
 * @returns {(() => Promise<unknown>) | undefined}
 */
function packageManager(packages) {
  const brew = findProgram(['brew']);
  if (brew) return () => command(brew, ['install', packages.brew]);
  const apt = findProgram(['apt-get']);
  if (!apt || process.getuid?.() !== 0) return undefined;
  return async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await command(apt, ['update'], { env });
    await command(apt, ['install', '-y', '--no-install-recommends', packages.apt], { env });
    // The package starts a service of its name that nobody asked for.
    const [stop, args] = existsSync('/run/systemd/system')
      ? ['systemctl', ['disable', '--now', packages.apt]]
      : ['service', [packages.apt, 'stop']];
    await command(stop, args).catch(() => undefined);
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await ensureDependencies();
  if (!(await ensureRedis())) console.log(HOW_TO_GET_REDIS);
  if (!(await ensurePromtool())) console.log(HOW_TO_GET_PROMTOOL);
  if (!(await ensureChromium())) console.log(HOW_TO_GET_CHROMIUM);
}
