import { LoaderTimeoutError } from '../errors.js';
import { Airborne } from './airborne.js';
import { Flight, type Outcome } from './flight.js';
import type { Entry } from './entry.js';
import { DEFAULT_POLICY, type Policy } from './policy.js';

const outcome = { source: 'loader', isStored: true, entry: {} as Entry } as const satisfies Outcome;
const stale = { id: 'stale' } as Entry;
const impatient = (ms: number): Policy => ({ ...DEFAULT_POLICY, hardTimeoutMs: ms });

function join(flight: Flight, policy: Policy): Promise<Outcome> {
  return new Promise((landed, crashed) => {
    flight.join({ policy, landed, crashed });
  });
}

describe('a flight', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('lands for all who joined', async () => {
    const flight = new Flight('k');
    const callers = [join(flight, DEFAULT_POLICY), join(flight, DEFAULT_POLICY)];
    flight.land(outcome);
    expect(await Promise.all(callers)).toEqual([outcome, outcome]);
  });

  it('crashes for all who joined, with what was thrown', async () => {
    const flight = new Flight('k');
    const callers = [join(flight, DEFAULT_POLICY), join(flight, DEFAULT_POLICY)];
    flight.crash('thrown');
    expect(await Promise.allSettled(callers)).toEqual(Array(2).fill({ status: 'rejected', reason: 'thrown' }));
  });

  it('starts no clock while it only reads, and leaves none behind', async () => {
    const flight = new Flight('k');
    const caller = join(flight, impatient(10));
    expect(jest.getTimerCount()).toBe(0);
    flight.becomesSlow();
    flight.becomesSlow();
    expect(jest.getTimerCount()).toBe(1);
    flight.land(outcome);
    await caller;
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gives up for one caller at a time, and is abandoned with the last', async () => {
    const flight = new Flight('k');
    flight.becomesSlow();
    const first = expect(join(flight, impatient(10))).rejects.toThrow(LoaderTimeoutError);
    const second = expect(join(flight, impatient(20))).rejects.toThrow(LoaderTimeoutError);
    await jest.advanceTimersByTimeAsync(10);
    await first;
    expect(flight.isAbandoned).toBe(false);
    await jest.advanceTimersByTimeAsync(10);
    await second;
    expect(flight.isAbandoned).toBe(true);
    expect(flight.signal.aborted).toBe(true);
  });

  it('a refresh, which nobody waits for, is aborted by its own clock only', async () => {
    const flight = new Flight('k', [], stale);
    flight.becomesSlow();
    flight.abortAfter(10);
    expect(flight.isRefresh).toBe(true);
    await jest.advanceTimersByTimeAsync(10);
    expect(flight.isAbandoned).toBe(true);
  });

  describe('after the soft timeout', () => {
    const soft = { ...DEFAULT_POLICY, softTimeoutMs: 10, hardTimeoutMs: 100 };

    it('answers a stale value that is still servable, and goes on', async () => {
      const flight = new Flight('k');
      flight.stale = stale;
      flight.isStaleServable = async () => true;
      flight.becomesSlow();
      const caller = join(flight, soft);
      await jest.advanceTimersByTimeAsync(10);
      expect(await caller).toMatchObject({ entry: stale, staleness: 'timeout' });
      await jest.advanceTimersByTimeAsync(100);
      expect(flight.isAbandoned).toBe(false);
    });

    it.each([
      ['there is no stale value', undefined, true],
      ['the stale value has been invalidated', stale, false],
    ])('waits on when %s', async (_why, entry, isServable) => {
      const flight = new Flight('k');
      flight.stale = entry;
      flight.isStaleServable = async () => isServable;
      flight.becomesSlow();
      const caller = join(flight, soft);
      await jest.advanceTimersByTimeAsync(50);
      flight.land(outcome);
      expect(await caller).toBe(outcome);
    });

    it('answers once when it lands while the stale value is being checked', async () => {
      const flight = new Flight('k');
      let check = (_isServable: boolean): void => undefined;
      flight.stale = stale;
      flight.isStaleServable = () => new Promise((resolve) => (check = resolve));
      flight.becomesSlow();
      const caller = join(flight, soft);
      await jest.advanceTimersByTimeAsync(10);
      flight.land(outcome);
      check(true);
      expect(await caller).toBe(outcome);
    });
  });

  describe('remembers invalidated tags', () => {
    it('and knows which of them came before a caller', () => {
      const flight = new Flight('k');
      flight.noteMarker('a');
      const joinedAt = flight.markersSeen;
      flight.noteMarker('b');
      expect(flight.hasMarkerBefore(joinedAt, ['a'])).toBe(true);
      expect(flight.hasMarkerBefore(joinedAt, ['b'])).toBe(false);
      expect(flight.hasMarkerBefore(flight.markersSeen, ['b'])).toBe(true);
      expect(flight.hasMarkerBefore(flight.markersSeen, ['c'])).toBe(false);
    });

    it('and takes a gap, or more than it can hold, for all of them', () => {
      const gap = new Flight('k');
      gap.noteGap();
      expect(gap.hasMarkerBefore(gap.markersSeen, ['any'])).toBe(true);
      const many = new Flight('k');
      for (let marker = 0; marker < 1_001; marker++) many.noteMarker('other');
      expect(many.hasMarkerBefore(many.markersSeen, ['any'])).toBe(true);
    });
  });
});

/** Longer than any test: only news can end such a wait. */
const LONG_MS = 60_000;

describe('news of a key', () => {
  it('that came after the flight began to listen, and before it waits, are not missed', async () => {
    const flight = new Flight('k');
    flight.listen();
    flight.hearNews();
    await flight.news(LONG_MS);
  });

  it('of before are not heard again', async () => {
    const flight = new Flight('k');
    flight.hearNews();
    flight.listen();
    let isAwake = false;
    const waiting = flight.news(LONG_MS).then(() => (isAwake = true));
    await new Promise(setImmediate);
    expect(isAwake).toBe(false);
    flight.hearNews();
    await waiting;
  });

  it('are waited for no longer than said, and by nobody who is gone', async () => {
    await new Flight('k').news(1);
    const flight = new Flight('k');
    const caller = expect(join(flight, impatient(10))).rejects.toThrow(LoaderTimeoutError);
    flight.becomesSlow();
    await flight.news(LONG_MS);
    await caller;
    await flight.news(LONG_MS);
  });

  it('reach every flight of the key, and no other', () => {
    const airborne = new Airborne();
    const [first, second, other] = ['k', 'k', 'other'].map((key) => new Flight(key));
    for (const flight of [first!, second!, other!]) airborne.add(flight);
    expect(airborne.of('k')).toBe(second);
    expect(second!.earlier).toBe(first);
    expect([...airborne.all()]).toEqual([second, first, other]);
    airborne.remove(second!);
    expect(airborne.of('k')).toBe(first);
  });
});
