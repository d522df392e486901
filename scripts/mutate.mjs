// @ts-check
/**
 * `npm run mutate`: removes each protection of test/mutations/protections.mjs in a copy of the repository and expects
 * its test to fail. An argument runs only the protections whose name or spec contains it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { protections } from '../test/mutations/protections.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const filter = process.argv[2] ?? '';
const copy = mkdtempSync(join(tmpdir(), 'rcache-mutate-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .trim()
  .split('\n');
for (const file of files) cpSync(join(root, file), join(copy, file), { recursive: true });
for (const folder of ['node_modules', 'libs/redis-cache/node_modules']) {
  if (existsSync(join(root, folder))) symlinkSync(join(root, folder), join(copy, folder));
}

/** @param {string} spec @param {string} test */
function passes(spec, test) {
  const pattern = test.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const jest = join(copy, 'node_modules/jest/bin/jest.js');
  const run = spawnSync(process.execPath, [jest, '--no-coverage', `/${spec}.spec.ts`, '-t', pattern], {
    cwd: copy,
    encoding: 'utf8',
    timeout: 60_000,
  });
  // What hangs does not pass.
  if (run.signal !== null) return false;
  const ran = /Tests:.*?(\d+) (?:passed|failed)/.exec(run.stderr ?? '');
  if (!ran) throw new Error(`No test of ${spec}.spec.ts matches "${test}":\n${run.stderr}`);
  return run.status === 0;
}

let noticed = 0;
let missed = 0;
for (const { removes, file, find, replace, spec, test } of protections) {
  if (!removes.includes(filter) && !spec.includes(filter)) continue;
  const path = join(copy, 'libs/redis-cache/src', file);
  const source = readFileSync(path, 'utf8');
  if (source.split(find).length !== 2) {
    console.log(`✖ ${removes}: ${file} does not hold this once: ${find}`);
    missed += 1;
    continue;
  }
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  const isNoticed = !passes(spec, test);
  writeFileSync(path, source);
  console.log(`${isNoticed ? '✔' : '✖'} without ${removes}: "${test}" ${isNoticed ? 'fails' : 'STILL PASSES'}`);
  if (isNoticed) noticed += 1;
  else missed += 1;
}
console.log(`${noticed} passed, ${missed} failed`);
process.exitCode = missed === 0 ? 0 : 1;
