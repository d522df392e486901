import fc from 'fast-check';
import { SpaceSaving } from './top-keys.js';

describe('SpaceSaving', () => {
  it('never counts too little, nor too much by more than it says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 300 }),
        fc.integer({ min: 1, max: 12 }),
        (keys, size) => {
          const counters = new SpaceSaving(size);
          for (const key of keys) counters.add(key);
          const top = counters.top(size);
          const truth = (key: string): number => keys.filter((each) => each === key).length;
          for (const { key, count, error } of top) {
            expect(count).toBeGreaterThanOrEqual(truth(key));
            expect(count - error).toBeLessThanOrEqual(truth(key));
          }
          const frequent = [...new Set(keys)].filter((key) => truth(key) > keys.length / size);
          expect(top.map(({ key }) => key)).toEqual(expect.arrayContaining(frequent));
        },
      ),
    );
  });
});
