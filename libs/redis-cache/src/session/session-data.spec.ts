import fc from 'fast-check';
import { InvalidArgumentError } from '../errors.js';
import { applyPatch, changesOf, decodeData, encodeData, patchOf } from './session-data.js';

// Names that cannot reach a prototype; those are tested by themselves.
const names = fc.string().filter((name) => name !== '__proto__' && name !== 'constructor');
const json = fc
  .jsonValue({ noUnicodeString: false })
  .filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)));
const data = fc.dictionary(names, json, { maxKeys: 8, noNullPrototype: true });

describe('session data', () => {
  it('come back as they were put in', () => {
    fc.assert(
      fc.property(data, (given) => {
        expect(decodeData(encodeData(given))).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  it('have no changes when nothing was changed, and no more than what was', () => {
    fc.assert(
      fc.property(data, data, (before, after) => {
        const stored = encodeData(before);
        expect(changesOf(stored, decodeData(stored))).toBeUndefined();
        const patch = changesOf(stored, after);
        const changed = patch === undefined ? stored : applyPatch(stored, patch);
        expect(decodeData(changed)).toEqual(decodeData(encodeData(after)));
      }),
    );
  });

  it('keep what others wrote to other fields, in whichever order the changes are applied', () => {
    const stored = encodeData({ cart: [], theme: 'light', draft: 'x' });
    const mine = changesOf(stored, { cart: ['A-1'], theme: 'light', draft: 'x' })!;
    const theirs = changesOf(stored, { cart: [], theme: 'dark' })!;
    const both = { cart: ['A-1'], theme: 'dark' };
    expect(decodeData(applyPatch(applyPatch(stored, mine), theirs))).toEqual(both);
    expect(decodeData(applyPatch(applyPatch(stored, theirs), mine))).toEqual(both);
  });

  it('lose a field that is undefined', () => {
    const stored = encodeData({ a: 1, b: 2, c: undefined });
    expect(stored).toBe('{"a":1,"b":2}');
    expect(applyPatch(stored, patchOf({ a: undefined, b: 3 }))).toBe('{"b":3}');
    expect(applyPatch('{"a":7,"b":2}', changesOf(stored, { a: 1, b: undefined })!)).toBe('{"a":7}');
  });

  class Cart {}
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  it.each([
    ['a Date', { at: new Date() }, 'at is a Date'],
    ['a Map', { seen: { pages: new Map() } }, 'seen.pages is an instance of Map'],
    ['an instance of a class', { list: [1, new Cart()] }, 'list.1 is an instance of Cart'],
    ['a function', { act: () => 1 }, 'act is a function'],
    ['a symbol', { act: Symbol('x') }, 'act is a symbol'],
    ['a bigint', { id: 1n }, 'id is a bigint'],
    ['NaN', { n: NaN }, 'n is NaN'],
    ['undefined in a list', { list: [undefined] }, 'list.0 is undefined in a list'],
    ['a cycle', cycle, 'self.self is a cycle'],
  ])('are refused with the path when they hold %s, which JSON would change', (_what, given, message) => {
    expect(() => encodeData(given)).toThrow(InvalidArgumentError);
    expect(() => encodeData(given)).toThrow(message);
  });

  it('may hold one object twice', () => {
    const address = { city: 'Paris' };
    expect(decodeData(encodeData({ from: address, to: address }))).toEqual({ from: address, to: address });
  });

  it('reach no prototype', () => {
    const decoded = decodeData('{"__proto__":{"isAdmin":true},"a":{"constructor":{"prototype":{"isAdmin":true}}}}');
    expect(Object.assign({}, decoded)).toEqual({ a: {} });
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    const stored = encodeData(JSON.parse('{"__proto__":{"isAdmin":true},"b":1}') as object);
    expect(stored).toBe('{"b":1}');
  });
});
