import { shownValue } from './shown-value.js';

describe('a value as it is shown', () => {
  it.each([
    [
      { name: 'Ada', tags: ['a', null], active: true, size: 1.5 },
      { name: 'Ada', tags: ['a', null], active: true, size: 1.5 },
    ],
    [undefined, 'undefined'],
    [12n, '12n'],
    [NaN, 'NaN'],
    [new Map([['a', 1]]), "Map(1) { 'a' => 1 }"],
    [
      { id: 12n, seen: new Set([1]) },
      { id: '12n', seen: 'Set(1) { 1 }' },
    ],
    [
      [undefined, 1],
      ['undefined', 1],
    ],
  ])('is %p', (value, shown) => {
    expect(shownValue(value)).toEqual(shown);
  });

  it('is cut where it is long', () => {
    for (const long of ['x'.repeat(1e6), { text: 'x'.repeat(1e6) }, Array.from({ length: 1e5 }, (_, id) => id)]) {
      expect(JSON.stringify(shownValue(long)).length).toBeLessThan(60_000);
    }
    expect(String(shownValue(Buffer.alloc(1e6))).length).toBeLessThan(1_000);
  });
});
