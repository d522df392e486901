import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hitRatio, optimum } from '../bench/policies/replay.mjs';
import { parseTrace } from '../bench/policies/traces.mjs';
import { closedLoop } from '../bench/speed/closed-loop.mjs';
import { regressions } from '../bench/speed/regression.mjs';
import type { MeasureResult, RaceResult, Results } from '../bench/speed/results.mjs';
import { merged } from '../bench/speed/results.mjs';
import { extended } from '../bench/speed/scaling.mjs';
import { lineThrough, median, quantile, spread } from '../bench/speed/statistics.mjs';

const run = promisify(execFile);
const ROOT = join(__dirname, '..');
const OURS = 'nestjs-rcache';
const TIMEOUT_MS = 180_000;

function race(ratio: number, name = 'memory hit, get', spreadOf = 0.01): RaceResult {
  return {
    name,
    reference: 'lru-cache',
    load: 0,
    rows: [
      { name: 'lru-cache', ratio: 1, spread: 0, perSecond: 1_000, failed: 0 },
      { name: 'control', ratio: 1.01, spread: spreadOf, perSecond: 1_010, failed: 0 },
      { name: OURS, ratio, spread: 0.01, perSecond: 1_000 * ratio, failed: 0 },
    ],
  };
}

function measure(name: string, number: string, value: number): MeasureResult {
  return { name, load: 0, rows: [{ number, values: { [OURS]: { value, spread: 0 } } }] };
}

function results(races: RaceResult[], measures: MeasureResult[] = []): Results {
  return { scale: 'full', cores: 2, versions: { node: '20' }, races, measures };
}

const DISABLED = 'the cache is disabled';
const TAGGED = ['a hit with two tags', 'Redis, speed of tagged (× untagged)'] as const;

describe('the statistics of the benchmark', () => {
  it('take the middle of numbers in any order', () => {
    expect(median([10, 1, 3])).toBe(3);
    expect(quantile([4, 1, 3, 2, 5], 1)).toBe(5);
    expect(spread([1, 2, 3, 4, 100])).toBe(2);
  });

  it('find the line through points', () => {
    const { base, perUnit } = lineThrough([
      [1, 5],
      [4, 11],
      [16, 35],
    ]);
    expect(base).toBeCloseTo(3);
    expect(perUnit).toBeCloseTo(2);
  });

  it('extend the measured costs to a fleet', () => {
    const costs = {
      connections: 3,
      connectionBytes: 100,
      idleCommands: 6,
      idleMicros: 50,
      ownIdleMicros: 200,
      writeMicros: 10,
      announceMicros: 1,
      announceBytes: 40,
      hearMicros: 5,
    };
    const fleet = extended(costs, { instances: 1_000, primaries: 100, writesPerSecond: 10_000 });
    expect(fleet).toMatchObject({
      messagesPerSecond: 10_000_000,
      messagesPerPrimary: 100_000,
      idleCommandsPerPrimary: 6_000,
      primaryConnections: 3_000,
      instanceConnections: 300,
    });
    // 1,000 heartbeats of 50 µs, and 100 writes of 10 µs that 1,000 hear of.
    expect(fleet.primaryCpuShare).toBeCloseTo(0.05 + 0.101);
    expect(fleet.instanceCpuShare).toBeCloseTo(0.02 + 0.05);
  });
});

describe('a closed loop', () => {
  it('does not count what begins in its lead-in, nor that time', async () => {
    const beganAtMs: number[] = [];
    const operation = () => {
      beganAtMs.push(performance.now());
      return sleep(1);
    };
    const loop = await closedLoop(operation, { concurrency: 2, windowMs: 40, leadInMs: 40 });
    const endAtMs = performance.now();
    const counted = beganAtMs.filter((atMs) => atMs >= endAtMs - loop.ms);
    // For each reader the clock is read before an operation begins.
    expect(Math.abs(loop.operations - counted.length)).toBeLessThanOrEqual(2);
    expect(counted.length).toBeGreaterThan(0);
    expect(beganAtMs.length).toBeGreaterThan(counted.length);
  });
});

describe('the comparison with committed results', () => {
  it('warns of a ratio that is worse beyond noise, and of no other', () => {
    const before = results([race(0.9)]);
    expect(regressions(before, results([race(0.7)]))).toEqual(['memory hit, get: 0.7 of lru-cache, was 0.9']);
    expect(regressions(before, results([race(0.85)]))).toEqual([]);
    expect(regressions(before, results([race(1.5)]))).toEqual([]);
  });

  it('allows for what the second run of the reference differs', () => {
    expect(regressions(results([race(0.9)]), results([race(0.7, 'memory hit, get', 0.1)]))).toEqual([]);
  });

  it('compares figures that are the same on any machine only, each in its direction', () => {
    const before = results([], [measure(...TAGGED, 1), measure(DISABLED, 'added (µs)', 0.1)]);
    const now = results([], [measure(...TAGGED, 0.5), measure(DISABLED, 'added (µs)', 9)]);
    expect(regressions(before, now)).toEqual([`${TAGGED.join(', ')}: 0.5, was 1`]);
    expect(regressions(now, before)).toEqual([]);
  });

  it('takes the scenarios of a part into the whole, in their order', () => {
    const whole = results([race(0.9, 'one'), race(0.9, 'two')]);
    const all = merged(whole, results([race(0.5, 'two')]), ['two', 'one', 'three']);
    expect(all.races.map(({ name, rows }) => [name, rows[2]?.ratio])).toEqual([
      ['two', 0.5],
      ['one', 0.9],
    ]);
  });
});

describe('the replay of traces', () => {
  /** Where there is no room for all, leaves out each in turn and takes the best. */
  const bestHits = (size: number, [key, ...rest]: string[], held: string[] = []): number => {
    if (key === undefined) return 0;
    const isHit = held.includes(key);
    const all = isHit ? held : [...held, key];
    const choices = all.length > size ? all.map((left) => all.filter((other) => other !== left)) : [all];
    return Number(isHit) + Math.max(...choices.map((choice) => bestHits(size, rest, choice)));
  };

  it.each([
    'a b c a b c a b c',
    'a b c d a b c d a b',
    'a a b b c c a b c a',
    'a b a c a d a b a c',
    'a b c d d c b a a b',
  ])('finds the optimum of %s that trying everything finds', (trace) => {
    const keys = trace.split(' ');
    for (const size of [1, 2, 3]) expect(optimum(size, keys, 1) * keys.length).toBeCloseTo(bestHits(size, keys));
  });

  it('holds nothing at the first read where the second one fills', () => {
    const held = new Map<string, object>();
    const unbounded = {
      get: (key: string) => held.get(key),
      set: (key: string, value: object) => held.set(key, value),
    };
    const keys = ['a', 'a', 'a', 'b', 'a', 'b'];
    expect(hitRatio(unbounded, keys, 2)).toBeCloseTo(2 / 6);
    expect(optimum(9, keys, 2)).toBeCloseTo(2 / 6);
    expect(optimum(9, keys, 1)).toBeCloseTo(4 / 6);
  });

  it('reads a key a line, and runs of blocks', () => {
    expect(parseTrace(['7', '', '8 ', '7'], 'keys')).toEqual(['7', '8', '7']);
    expect(parseTrace(['5 3 0 0', '9 1 0 1'], 'arc')).toEqual(['5', '6', '7', '9']);
    expect(() => parseTrace(['5'], 'lirs')).toThrow('keys or arc');
  });
});

describe('the benchmark', () => {
  let folder: string;
  let measured: Results;

  /** What the benchmark wrote, and the page that comes of it. */
  async function bench(...args: string[]): Promise<Results> {
    const file = join(folder, 'results.json');
    await run(process.execPath, [join(ROOT, 'bench/speed/bench.mjs'), ...args, '--save', file], { cwd: ROOT });
    return JSON.parse(readFileSync(file, 'utf8')) as Results;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rcache-bench-'));
    // Its processes import the library as it is published. Nothing is built that is up to date.
    await run(
      process.execPath,
      [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'libs/redis-cache/tsconfig.lib.json'],
      {
        cwd: ROOT,
      },
    );
    measured = await bench('--tiny', '--ours');
  }, TIMEOUT_MS);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('runs every race and takes every measure of ours', async () => {
    const { SCENARIOS } = await import('../bench/speed/scenarios.mjs');
    const named = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name).sort();
    expect(named(measured.races)).toEqual(named(SCENARIOS));
    expect(measured.races.filter(({ rows }) => rows.length !== 1)).toEqual([]);
    expect(measured.measures.length).toBeGreaterThan(20);
    expect(measured.measures.filter(({ rows }) => rows.length === 0)).toEqual([]);
  });

  it('counts one load for a stampede, also of four processes', () => {
    const stampede = measured.measures.find(({ name }) => name.includes('callers want a key'));
    const loads = stampede?.rows
      .filter(({ number }) => number.endsWith('(loads)'))
      .map(({ values }) => values[OURS]?.value);
    expect(loads).toEqual([1, 1]);
  });

  it('finds what every target is about', async () => {
    const { measuredFor, TARGETS } = await import('../bench/speed/targets.mjs');
    // These sizes are not part of a tiny run.
    const isTooLarge = (number = ''): boolean => number.startsWith('100000 entries');
    const lost = TARGETS.filter((target) => measuredFor(target, measured) === undefined && !isTooLarge(target.number));
    expect(lost).toEqual([]);
  });

  it('fills the page with results, targets and what they mean for a fleet', async () => {
    const { filled } = await import('../bench/speed/tables.mjs');
    const page = filled(readFileSync(join(ROOT, 'docs/performance.md'), 'utf8'), measured);
    for (const { name } of [...measured.races, ...measured.measures])
      expect(page.toLowerCase()).toContain(name.toLowerCase());
    expect(page).toContain('messages/s of a primary');
    expect(page).not.toContain('Not measured yet.');
    expect(page).not.toMatch(/undefined|NaN/);
    expect(() => filled('# Empty', measured)).toThrow('has no place');
  });

  it('says which words it does not know', async () => {
    await expect(bench('--tiny', 'nonsense')).rejects.toThrow('No scenario is called nonsense.');
  });
});
