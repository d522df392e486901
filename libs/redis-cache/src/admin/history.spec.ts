import type { CacheReport, FleetReport } from './fleet-report.js';
import { History } from './history.js';

function report(
  id: string,
  requests: number,
  hits: number,
  uptimeMs = 1e6,
  more: Partial<CacheReport> = {},
): FleetReport {
  const cache: CacheReport = {
    requests,
    hitsL1: hits,
    hitsL2: 0,
    staleHits: 0,
    misses: requests - hits,
    loads: requests - hits,
    loadErrors: 0,
    writes: 0,
    invalidations: 0,
    evictions: 0,
    entries: 0,
    bytes: 0,
    reads: { counts: [requests], sum: 0 },
    loadTimes: { counts: [requests - hits], sum: (requests - hits) * 0.5 },
    ...more,
  };
  return { id, host: 'host', pid: 1, uptimeMs, caches: { users: cache }, connections: [], holds: [], sessions: {} };
}

const START_MS = 1_700_000_000_000;

describe('History', () => {
  it('has what was gained since the step before, and not what was there', () => {
    const history = new History();
    history.note([report('a', 100, 90)], START_MS);
    history.note([report('a', 110, 98)], START_MS + 5_000);
    const { atMs, total, reads } = history.series('fine');
    expect(atMs).toEqual([START_MS, START_MS + 5_000]);
    expect(total).toEqual({ requests: [0, 10], hits: [0, 8], loads: [0, 2], loadErrors: [0, 0], savedSeconds: [0, 4] });
    expect(reads).toEqual([[], [10]]);
    expect(history.ratios('users', 10)).toEqual([null, 0.8]);
  });

  it('makes no step of a process that comes, goes, or comes back', () => {
    const history = new History();
    const requestsNow = (): number | undefined => history.series('fine').total.requests.at(-1);
    history.note([report('a', 100, 90)], START_MS);
    history.note([report('a', 101, 90), report('b', 5000, 0)], START_MS + 5_000);
    expect(requestsNow()).toBe(1);
    history.note([report('a', 101, 90)], START_MS + 10_000);
    expect(requestsNow()).toBe(0);
    history.note([report('a', 101, 90), report('b', 5007, 0)], START_MS + 15_000);
    expect(requestsNow()).toBe(7);
  });

  it('counts all of a process that began after the last look', () => {
    const history = new History();
    history.note([report('a', 100, 90)], START_MS);
    history.note([report('a', 100, 90), report('new', 12, 3, 2_000)], START_MS + 5_000);
    expect(history.series('fine').total.requests.at(-1)).toBe(12);
  });

  it('forgets what is older than its span, and adds up what falls into one step', () => {
    const history = new History();
    for (let step = 0; step <= 300; step += 1) history.note([report('a', step, 0)], START_MS + step * 5_000);
    expect(history.series('fine').atMs).toHaveLength(120);
    const coarse = history.series('coarse');
    expect(coarse.total.requests.reduce((sum, each) => sum + each, 0)).toBe(300);
    expect(coarse.total.requests[1]).toBe(12);
  });

  it('tells of one cache when asked for it', () => {
    const history = new History();
    history.note([report('a', 0, 0)], START_MS);
    history.note([report('a', 3, 1)], START_MS + 5_000);
    expect(history.series('fine', 'users').total.requests).toEqual([0, 3]);
    expect(history.series('fine', 'orders').total.requests).toEqual([0, 0]);
  });
});
