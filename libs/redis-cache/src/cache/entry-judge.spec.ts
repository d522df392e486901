import { systemClock } from '../time.js';
import type { CacheCore } from './backend.js';
import { EntryJudge, type KnownIds } from './entry-judge.js';
import { encodeEnvelope } from './envelope.js';
import { DEFAULT_POLICY } from './policy.js';
import type { TagId } from './recorded.js';
import { TagTable } from './tag-table.js';
import type { Trust } from './trust.js';
import { encodeValue } from './value.js';

const RESERVED = ['n', 'c:users'] as const;
const NONE: KnownIds = new Map();
const idOf = (name: string): string => name.padEnd(12, '_');

/** A judge, the ids its server has, and what it asked for. */
function judge() {
  const current = new Map([...RESERVED, 'u:team'].map((tag) => [tag, idOf(tag)]));
  const asked: string[] = [];
  const trust: Trust = { untilMs: Infinity };
  const source = {
    read: async (tag: string) => {
      asked.push(tag);
      return current.get(tag);
    },
    ensure: async (tag: string) => current.get(tag) ?? idOf(tag),
    invalidateTag: async () => undefined,
  };
  const tagTable = new TagTable(source, systemClock);
  tagTable.useTickets({ ticket: () => 1, isValid: () => true, trustOf: () => trust });
  const serverClock = { nowMs: () => 0, toLocalMs: (ms: number) => ms, toServerMs: (ms: number) => ms };
  const core = {
    reserved: { of: () => RESERVED },
    backend: {
      clock: systemClock,
      tagTable,
      redis: { journal: { queued: 0 } },
      serverClockOf: () => serverClock,
      coherence: { trustOf: () => trust },
    },
  } as unknown as CacheCore;
  const entryJudge = new EntryJudge(core);
  const stored = (teamId: string): Buffer =>
    encodeEnvelope({
      id: idOf('entry'),
      createdAtMs: 0,
      freshUntilMs: Number.MAX_SAFE_INTEGER,
      servableUntilMs: Number.MAX_SAFE_INTEGER,
      loadMs: 0,
      recorded: {
        namespaceId: idOf('n'),
        cacheId: idOf('c:users'),
        tags: [{ tag: 'u:team', id: teamId } satisfies TagId],
      },
      softExpired: false,
      negative: false,
      codecName: '',
      value: encodeValue('value'),
    });
  const states = async (raw: Buffer, ids = NONE) =>
    (await entryJudge.judge('users:1', raw, DEFAULT_POLICY, ids, false)).state;
  return { current, asked, trust, tagTable, stored, states, entryJudge };
}

describe('the judge of entries', () => {
  it('asks for ids it does not know, then for none', async () => {
    const { asked, stored, states } = judge();
    expect(await states(stored(idOf('u:team')))).toBe('fresh');
    expect(asked).toEqual([...RESERVED, 'u:team']);
    expect([await states(stored(idOf('u:team'))), asked.length]).toEqual(['fresh', 3]);
  });

  it('takes an entry for invalidated whose tag has another id, whatever was judged by the same ids before', async () => {
    const { current, tagTable, stored, states } = judge();
    const old = stored(idOf('u:team'));
    expect(await states(old)).toBe('fresh');
    current.set('u:team', idOf('new'));
    tagTable.forget('u:team');
    expect(await states(old)).toBe('none');
    expect(await states(stored(idOf('new')))).toBe('fresh');
  });

  it('believes an id that was read for one call in that call only: its end may have been announced before', async () => {
    const { current, tagTable, stored, states } = judge();
    const old = stored(idOf('u:team'));
    const readBefore = new Map([...RESERVED, 'u:team'].map((tag) => [tag, idOf(tag)]));
    current.set('u:team', idOf('new'));
    tagTable.forget('u:team');
    expect(await states(old, readBefore)).toBe('fresh');
    expect(await states(old)).toBe('none');
  });

  it('asks again when trust has ended', async () => {
    const { current, trust, stored, states } = judge();
    const old = stored(idOf('u:team'));
    expect(await states(old)).toBe('fresh');
    current.set('u:team', idOf('new'));
    trust.untilMs = -Infinity;
    expect(await states(old)).toBe('none');
  });

  it('gives entries with the same ids the same grounds', () => {
    const { stored, entryJudge } = judge();
    const ids = new Map([...RESERVED, 'u:team'].map((tag) => [tag, idOf(tag)]));
    const groundsOf = (raw: Buffer) => {
      const found = entryJudge.judge('users:1', raw, DEFAULT_POLICY, ids, false);
      return 'entry' in found ? found.entry.grounds : undefined;
    };
    expect(groundsOf(stored(idOf('u:team')))).toBe(groundsOf(stored(idOf('u:team'))));
    expect(groundsOf(stored(idOf('u:team')))).toBeDefined();
  });
});
