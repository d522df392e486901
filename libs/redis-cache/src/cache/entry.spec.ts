import { cachedValue } from './cached-value.js';
import { Entry, type EntryTimes, type Grounds } from './entry.js';
import { encodeEnvelope, entryIdOf, randomId } from './envelope.js';
import { encodeValue } from './value.js';

const OPTIONS = { codec: undefined, maxValueBytes: 1e6, copies: false };
const TIMES: EntryTimes = { createdAtMs: 1, freshUntilMs: 2, servableUntilMs: 3, hotUntilMs: 2, loadMs: 4 };
const GROUNDS = { ids: [], isOutage: false } as unknown as Grounds;

const entryOf = (value: unknown, id: string | Buffer = randomId(), copies = false): Entry =>
  new Entry(id, cachedValue(encodeValue(value), { ...OPTIONS, copies }), TIMES, GROUNDS);

function stored(id: string): Buffer {
  const recorded = { namespaceId: randomId(), cacheId: randomId(), tags: [] };
  const rest = { softExpired: false, negative: false, codecName: '', value: encodeValue(1) };
  return encodeEnvelope({ id, ...TIMES, recorded, ...rest });
}

describe('an entry', () => {
  it('knows the first ten characters of its id, read from text or from what is stored', () => {
    for (let count = 0; count < 1000; count++) {
      const raw = stored(randomId());
      expect(entryOf(1, raw).id).toBe(entryIdOf(raw).slice(0, 10));
      expect(entryOf(1, entryIdOf(raw)).id).toBe(entryIdOf(raw).slice(0, 10));
    }
    expect(entryOf(1, '-_AZaz09-_AA').id).toBe('-_AZaz09-_');
    expect(entryOf(1, '').id).toBe('');
  });

  it('is the same as another that was read of the same write', () => {
    const id = 'abcdefghijkl';
    expect(entryOf(1, stored(id)).isSame(entryOf(2, id))).toBe(true);
    for (const other of ['bbcdefghijkl', 'abcdefghiakl', 'AAAAAAAAAAAA']) {
      expect(entryOf(1, stored(other)).isSame(entryOf(1, id))).toBe(false);
    }
    expect(entryOf(1, 'AAAAAAAAAAAA').isSame(entryOf(1, ''))).toBe(false);
  });

  it('gives all callers one frozen value, and a copy to who wants one', () => {
    const entry = entryOf({ list: [1] });
    expect(entry.take()).toBe(entry.take());
    expect(Object.isFrozen((entry.take() as { list: number[] }).list)).toBe(true);
    expect(entry.take(true)).toEqual(entry.take());
    expect(entry.take(true)).not.toBe(entry.take());
  });

  it('gives each caller a value of its own where freezing does not protect it, or copies are wanted', () => {
    for (const entry of [entryOf(new Map([['a', 1]])), entryOf({ a: 1 }, randomId(), true)]) {
      const [one, other] = [entry.take(), entry.take()];
      expect(one).toEqual(other);
      expect(one).not.toBe(other);
    }
  });

  it.each([
    [null, true, false],
    [undefined, true, false],
    [null, true, true],
    [0, false, false],
    [new Set(), false, false],
  ])('says of %p whether it is nothing', (value, isNegative, copies) => {
    expect(entryOf(value, randomId(), copies).isNegative).toBe(isNegative);
  });

  it('can be had with other times, another id or other grounds', () => {
    const entry = entryOf('value', 'abcdefghijkl');
    const grounds = { ...GROUNDS, isOutage: true };
    const changed = entry.with({ id: '', times: { freshUntilMs: -1 }, grounds });
    expect(changed).toMatchObject({ ...TIMES, freshUntilMs: -1, id: '', bytes: entry.bytes, grounds });
    expect(changed.take()).toBe('value');
    expect(entry.with({})).toEqual(entry);
    expect(entry.with({}).isSame(entry)).toBe(true);
  });
});
