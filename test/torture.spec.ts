import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'test/torture/main.mjs');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const TOPOLOGIES = ['standalone', 'sentinel', 'cluster'];

/** Longer ones are for people: `npm run torture`. */
const SECONDS = '9';
const TIMEOUT_MS = 120_000;

interface Run {
  code: number;
  output: string;
}

function run(program: string, args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { cwd: ROOT }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
    });
  });
}

describe('the torture', () => {
  let historyFolder: string;

  function torture(...args: string[]): Promise<Run> {
    const small = ['--seed', '20', '--processes', '2', '--rate', '120', '--history', historyFolder];
    return run(MAIN, [...small, ...args]);
  }

  beforeAll(async () => {
    historyFolder = await mkdtemp(join(tmpdir(), 'rcache-torture-'));
    // Its processes import the library as it is published. Nothing is built that is up to date.
    const { code, output } = await run(TSC, ['-b', 'libs/redis-cache/tsconfig.lib.json']);
    if (code !== 0) throw new Error(`The library cannot be built:\n${output}`);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await rm(historyFolder, { recursive: true, force: true });
  });

  it.each(TOPOLOGIES)(
    'finds no answer that is older than promised, and no error that reaches a caller: %s',
    async (topology) => {
      const { code, output } = await torture('--topology', topology, '--seconds', SECONDS);
      // Shown when it differs: it has the seed, the faults and where the histories are.
      expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(`| ${topology}`) });
    },
    TIMEOUT_MS,
  );

  it(
    'notices a cache whose invalidations return before they are done, and tells the seed and the history',
    async () => {
      const { code, output } = await torture('--break', 'late-invalidation', '--seconds', '5', '--faults', 'none');
      expect(output).toMatch(/VIOLATION process \d read version .* after its own /);
      expect(output).toContain('seed 20');
      expect(output).toContain(join(historyFolder, 'standalone-20-1.txt'));
      expect(code).toBe(1);
    },
    TIMEOUT_MS,
  );

  it(
    'notices a cache that keeps what another process has invalidated for longer than promised',
    async () => {
      const { code, output } = await torture(
        '--break',
        'own-memory',
        '--seconds',
        '15',
        '--writes',
        '0.01',
        '--faults',
        'none',
      );
      expect(output).toMatch(/VIOLATION process \d read version .* ms after \w+ by process \d/);
      expect(output).not.toContain('after its own');
      expect(code).toBe(1);
    },
    TIMEOUT_MS,
  );
});
