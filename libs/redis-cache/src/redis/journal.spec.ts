import { EventChannel } from '../events.js';
import { systemClock } from '../time.js';
import { Journal, type JournalItem, type Replay } from './journal.js';

const EVERYTHING: JournalItem[] = [{ kind: 'tag', name: 'n' }];
const entry = (name: string): JournalItem => ({ kind: 'entry', name });

describe('the journal', () => {
  let nowMs: number;
  let events: EventChannel;
  let journal: Journal;
  let replayed: string[];
  const replay = async ({ name }: JournalItem): Promise<boolean> => {
    replayed.push(name);
    return true;
  };
  const replayAll = (how: Replay = replay): Promise<void> => journal.replay(how, () => true);
  const replayForAnotherServer = (): Promise<void> => {
    journal.queueRecent(() => true);
    return replayAll();
  };
  beforeEach(() => {
    nowMs = 0;
    replayed = [];
    events = new EventChannel();
    journal = new Journal('default', EVERYTHING, { ...systemClock, nowMs: () => nowMs }, events);
  });

  it('covers what is queued until it has been carried out', async () => {
    journal.queue(entry('a'));
    expect([journal.covers('entry', 'a'), journal.covers('entry', 'b'), journal.covers('tag', 'a')]).toEqual([
      true,
      false,
      false,
    ]);
    await replayAll();
    expect(journal.covers('entry', 'a')).toBe(false);
    expect(replayed).toEqual(['a']);
    expect(journal.queued).toBe(0);
  });

  it('keeps the same invalidation once, in order of the first', async () => {
    for (const name of ['a', 'b', 'a', 'c', 'b']) journal.queue(entry(name));
    expect(journal.queued).toBe(3);
    await replayAll();
    expect(replayed).toEqual(['a', 'b', 'c']);
  });

  it('keeps what failed, and says so', async () => {
    for (const name of ['a', 'b', 'c']) journal.queue(entry(name));
    const failing = async (item: JournalItem): Promise<boolean> => {
      if (item.name === 'b') throw new Error('gone again');
      return replay(item);
    };
    await expect(replayAll(failing)).rejects.toThrow('gone again');
    expect([journal.covers('entry', 'a'), journal.covers('entry', 'b'), journal.covers('entry', 'c')]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('keeps what is not known to outlive a failover', async () => {
    journal.queue(entry('a'));
    await replayAll(() => Promise.resolve(false));
    expect(journal.covers('entry', 'a')).toBe(true);
  });

  it('carries out what may be carried out now', async () => {
    for (const name of ['a', 'b']) journal.queue(entry(name));
    await journal.replay(replay, ({ name }) => name === 'b');
    expect(replayed).toEqual(['b']);
    expect([journal.covers('entry', 'a'), journal.covers('entry', 'b')]).toEqual([true, false]);
  });

  it('keeps what is queued again while it is being carried out', async () => {
    journal.queue(entry('a'));
    await replayAll(async (item) => {
      journal.queue(item);
      return true;
    });
    expect(journal.covers('entry', 'a')).toBe(true);
  });

  it('is done with an item that was carried out after it was queued, and not by an earlier one', () => {
    const sentBefore = journal.mark();
    journal.queue(entry('a'));
    journal.applied(entry('a'), sentBefore);
    expect(journal.covers('entry', 'a')).toBe(true);
    journal.applied(entry('a'), journal.mark());
    expect(journal.covers('entry', 'a')).toBe(false);
  });

  it('collapses into one invalidation of everything rather than lose one', async () => {
    for (let id = 0; id < 10_001; id++) journal.queue(entry(`k${id}`));
    expect(journal.queued).toBe(1);
    expect(journal.covers('entry', 'k3')).toBe(true);
    expect(journal.covers('entry', 'never queued')).toBe(true);
    journal.queue(entry('later'));
    expect(journal.queued).toBe(1);
    await replayAll();
    expect(replayed).toEqual(['n']);
    expect(journal.covers('entry', 'k3')).toBe(false);
    journal.queue(entry('after'));
    expect(journal.covers('entry', 'other')).toBe(false);
  });

  it('repeats those of the last minute for a server that may have lost them', async () => {
    journal.applied(entry('old'), journal.mark());
    nowMs = 30_000;
    journal.applied(entry('recent'), journal.mark());
    nowMs = 61_000;
    await replayForAnotherServer();
    expect(replayed).toEqual(['recent']);
  });

  it('counts that minute back from when the server fell silent, however long ago that is', async () => {
    journal.applied(entry('old'), journal.mark());
    nowMs = 30_000;
    journal.applied(entry('recent'), journal.mark());
    const silentSinceMs = 61_000;
    nowMs = silentSinceMs + 3_600_000;
    journal.queueRecent(() => true, nowMs - silentSinceMs);
    await replayAll();
    expect(replayed).toEqual(['recent']);
  });

  it('repeats what was carried out for many at once like what was for one', async () => {
    journal.appliedMany(['old', 'older'], journal.mark());
    nowMs = 30_000;
    journal.appliedMany(['a', 'b'], journal.mark());
    nowMs = 61_000;
    journal.applied(entry('c'), journal.mark());
    await replayForAnotherServer();
    expect(replayed.sort()).toEqual(['a', 'b', 'c']);
  });

  it('is done with those of many that were queued before they were sent', () => {
    const sentBefore = journal.mark();
    for (const name of ['a', 'b']) journal.queue(entry(name));
    journal.appliedMany(['a', 'b'], sentBefore);
    expect(journal.queued).toBe(2);
    journal.appliedMany(['a', 'c'], journal.mark());
    expect([journal.covers('entry', 'a'), journal.covers('entry', 'b')]).toEqual([false, true]);
  });

  it('repeats nothing for the same server', async () => {
    journal.applied(entry('a'), journal.mark());
    await replayAll();
    expect(replayed).toEqual([]);
  });

  it('repeats everything when it could not remember all of the last minute', async () => {
    for (let id = 0; id < 10_001; id++) journal.applied(entry(`k${id}`), journal.mark());
    await replayForAnotherServer();
    expect(replayed).toContain('n');
  });

  it('has room again for what many left when they were a minute old', async () => {
    const names = Array.from({ length: 1_000 }, (_, id) => `k${id}`);
    for (let page = 0; page < 10; page++) journal.appliedMany(names, journal.mark());
    nowMs = 61_000;
    journal.appliedMany(['a'], journal.mark());
    await replayForAnotherServer();
    expect(replayed).toEqual(['a']);
    for (let page = 0; page < 10; page++) journal.appliedMany(names, journal.mark());
    await replayForAnotherServer();
    expect(replayed).toContain('n');
  });

  it('tells how many wait, and that it overflowed', () => {
    const seen: unknown[] = [];
    events.on('journal', (event) => seen.push(event));
    journal.queue(entry('a'));
    expect(seen).toEqual([{ connection: 'default', queued: 1, overflowed: false }]);
    for (let id = 0; id < 10_000; id++) journal.queue(entry(`k${id}`));
    expect(seen.at(-1)).toEqual({ connection: 'default', queued: 1, overflowed: true });
  });
});
