import * as fc from 'fast-check';
import { type Recorded, RecordedIds } from './recorded.js';

const recordedAs = (text: string): Recorded => ({ namespaceId: text, cacheId: '', tags: [] });
const decode = (raw: Buffer): Recorded => recordedAs(raw.toString('latin1', 1, raw.length - 1));

function get(known: RecordedIds, text: string, decoded: (raw: Buffer) => Recorded | undefined = decode) {
  const raw = Buffer.from(`<${text}>`, 'latin1');
  return known.get(raw, 1, raw.length - 1, decoded);
}

describe('recorded ids', () => {
  it('are one object for the same bytes, decoded once', () => {
    const known = new RecordedIds();
    const decodeOnce = jest.fn(decode);
    const [first, second] = [get(known, 'first', decodeOnce), get(known, 'second', decodeOnce)];
    expect([first, second]).toEqual([recordedAs('first'), recordedAs('second')]);
    expect([get(known, 'first', decodeOnce), get(known, 'second', decodeOnce)]).toEqual([first, second]);
    expect(get(known, 'first', decodeOnce)).toBe(first);
    expect(decodeOnce).toHaveBeenCalledTimes(2);
  });

  it('are what the bytes say, whatever was decoded before', () => {
    const known = new RecordedIds();
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), (text) => {
        expect(get(known, text)).toEqual(recordedAs(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it('keep what they were made from when the bytes they were read from change', () => {
    const known = new RecordedIds();
    const raw = Buffer.from('<old>');
    known.get(raw, 1, 4, decode);
    raw.write('new', 1);
    expect(known.get(raw, 1, 4, decode)).toEqual(recordedAs('new'));
    expect(get(known, 'old')).toEqual(recordedAs('old'));
  });

  it('forget what cannot be decoded, and do not remember what is long', () => {
    const known = new RecordedIds();
    expect(get(known, 'wrong', () => undefined)).toBeUndefined();
    expect(get(known, 'wrong')).toEqual(recordedAs('wrong'));
    const long = 'x'.repeat(513);
    expect(get(known, long)).not.toBe(get(known, long));
  });
});
