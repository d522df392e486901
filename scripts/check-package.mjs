// @ts-check
// `npm run check:package`: what a user installs is the packed tarball, so that is what is examined and run here, as real
// ESM and through require(), outside this repository's node_modules.
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from './command.mjs';
import { withProgress } from './progress.mjs';
import { startRedis } from './servers.mjs';
import { ensureDependencies, ensureRedis } from './setup.mjs';

const PACKAGE = 'nestjs-rcache';
const RUN_TIMEOUT_MS = 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (/** @type {string} */ name) => join(root, 'node_modules/.bin', name);
const consumers = join(root, 'test/consumers');

await ensureDependencies();
await ensureRedis();
const workFolder = await mkdtemp(join(tmpdir(), 'rcache-package-'));
const redis = await startRedis();
const tally = { passed: 0, failed: 0 };

/** @param {string} promise @param {() => Promise<unknown>} keep */
async function check(promise, keep) {
  try {
    await withProgress(promise, keep);
    tally.passed += 1;
  } catch (error) {
    console.error(`FAILED: ${promise}\n${error instanceof Error ? error.message : error}`);
    tally.failed += 1;
  }
}

let tarball = '';
async function pack() {
  // A file that lost its source would still be in the package.
  await rm(join(root, 'libs/redis-cache/dist'), { recursive: true, force: true });
  await command(bin('tsc'), ['-b', 'libs/redis-cache/tsconfig.lib.json']);
  const answer = await command('npm', ['pack', '--json', '-w', PACKAGE, '--pack-destination', workFolder]);
  tarball = join(workFolder, JSON.parse(answer)[0].filename);
}

/**
 * Installs the tarball into an app of its own and runs it. The app has the required peers only, so it proves that the
 * optional ones are optional.
 * @param {string} name folder of the template in test/consumers
 */
async function runConsumer(name) {
  const folder = join(workFolder, name);
  await command('mkdir', [folder]);
  await copyFile(join(consumers, name, 'package.json'), join(folder, 'package.json'));
  for (const file of ['main.ts', 'tsconfig.json']) await copyFile(join(consumers, file), join(folder, file));
  await command('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: folder });
  await command(join(folder, 'node_modules/.bin/tsc'), [], { cwd: folder });
  const env = { REDIS_URL: redis.url, CACHE_NAMESPACE: name };
  await command(process.execPath, ['dist/main.js'], { cwd: folder, env, timeoutMs: RUN_TIMEOUT_MS });
}

try {
  await check('The library builds and packs', pack);
  await check('publint agrees with its package.json', () => command(bin('publint'), ['--strict', tarball]));
  // ESM only by decision: require() loads it as ESM, which this rule reports.
  await check('Its types resolve everywhere', () =>
    command(bin('attw'), ['--ignore-rules', 'cjs-resolves-to-esm', '--', tarball]),
  );
  await check('An ESM app on Nest 12 runs it', () => runConsumer('esm-nest-12'));
  await check('A CommonJS app on Nest 11 runs it', () => runConsumer('cjs-nest-11'));
} finally {
  await redis.stop();
  await rm(workFolder, { recursive: true, force: true });
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed > 0 ? 1 : 0;
