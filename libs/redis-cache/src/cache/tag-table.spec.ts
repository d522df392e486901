import { systemClock } from '../time.js';
import { LocalTagIds } from './local-tag-ids.js';
import { TagTable, type TagIds } from './tag-table.js';
import { ENDLESS_TRUST } from './trust.js';

/** Ids whose answers the test lets through. */
class SlowIds implements TagIds {
  readonly questions: { tag: string; answer: (id: string | undefined) => void; fail: (error: Error) => void }[] = [];

  read(tag: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => this.questions.push({ tag, answer: resolve, fail: reject }));
  }

  ensure(tag: string): Promise<string> {
    return this.read(tag) as Promise<string>;
  }

  invalidateTag(): Promise<void> {
    return Promise.resolve();
  }
}

describe('the tag table', () => {
  let epoch: number;
  let ids: SlowIds;
  let table: TagTable;
  beforeEach(() => {
    epoch = 1;
    ids = new SlowIds();
    table = new TagTable(ids, systemClock);
    table.useTickets({
      ticket: () => epoch,
      isValid: (ticket) => ticket !== 0 && ticket === epoch,
      trustOf: () => ENDLESS_TRUST,
    });
  });

  it('remembers an id it has read under trust', async () => {
    const reading = table.read('t');
    ids.questions[0]!.answer('id1');
    expect(await reading).toBe('id1');
    expect(table.known('t')).toBe('id1');
  });

  it('asks once for many who ask at the same time', async () => {
    const reading = [table.ensure('t'), table.ensure('t')];
    expect(ids.questions).toHaveLength(1);
    ids.questions[0]!.answer('id1');
    expect(await Promise.all(reading)).toEqual(['id1', 'id1']);
  });

  it('answers and does not remember an id that an announcement overtook', async () => {
    const reading = table.read('t');
    table.forget('t');
    ids.questions[0]!.answer('id1');
    expect(await reading).toBe('id1');
    expect(table.known('t')).toBeUndefined();
  });

  it('does not let who asks after an announcement share a question from before it', async () => {
    void table.read('t');
    table.forget('t');
    const later = table.read('t');
    expect(ids.questions).toHaveLength(2);
    ids.questions[0]!.answer('old');
    ids.questions[1]!.answer('new');
    expect(await later).toBe('new');
    expect(table.known('t')).toBe('new');
  });

  it('does not remember an id read without trust, or across a gap', async () => {
    epoch = 0;
    const untrusted = table.read('a');
    ids.questions[0]!.answer('id1');
    await untrusted;
    epoch = 2;
    const across = table.read('b');
    epoch = 3;
    ids.questions[1]!.answer('id1');
    await across;
    expect([table.known('a'), table.known('b')]).toEqual([undefined, undefined]);
  });

  it('forgets everything at once, questions under way included', async () => {
    const first = table.read('a');
    ids.questions[0]!.answer('id1');
    await first;
    const second = table.read('b');
    table.forgetWhere(() => true);
    ids.questions[1]!.answer('id2');
    await second;
    expect([table.known('a'), table.known('b')]).toEqual([undefined, undefined]);
  });

  it('changes its version with every announcement and with every id that changed', async () => {
    const before = table.version;
    table.forget('unknown');
    expect(table.version).toBeGreaterThan(before);
    const reading = table.read('t');
    ids.questions[0]!.answer('id1');
    await reading;
    const known = table.version;
    const again = table.read('t');
    ids.questions[1]!.answer('id1');
    await again;
    expect(table.version).toBe(known);
    const changed = table.read('t');
    ids.questions[2]!.answer('id2');
    await changed;
    expect(table.version).toBeGreaterThan(known);
  });

  it('asks again after a failure', async () => {
    const failing = table.read('t');
    ids.questions[0]!.fail(new Error('gone'));
    await expect(failing).rejects.toThrow('gone');
    const reading = table.read('t');
    ids.questions[1]!.answer('id1');
    expect(await reading).toBe('id1');
  });

  it('rereads what it knows, and forgets what changed without an announcement', async () => {
    for (const [index, tag] of ['same', 'changed', 'gone'].entries()) {
      const reading = table.read(tag);
      ids.questions[index]!.answer('id1');
      await reading;
    }
    const rereading = table.reread();
    const answers: Record<string, string | undefined> = { same: 'id1', changed: 'id2', gone: undefined };
    for (let asked = 3; asked < 6; asked++) {
      while (ids.questions.length <= asked) await new Promise(setImmediate);
      const { tag, answer } = ids.questions[asked]!;
      answer(answers[tag]);
    }
    await rereading;
    expect(['same', 'changed', 'gone'].map((tag) => table.known(tag))).toEqual(['id1', undefined, undefined]);
  });
});

describe('tag ids of a process without Redis', () => {
  it('are made when they are needed and never come back', async () => {
    const ids = new LocalTagIds();
    expect(await ids.read('t')).toBeUndefined();
    const first = await ids.ensure('t');
    expect([await ids.ensure('t'), await ids.read('t')]).toEqual([first, first]);
    await ids.invalidateTag('t');
    expect(await ids.read('t')).toBeUndefined();
    expect(await ids.ensure('t')).not.toBe(first);
  });
});
