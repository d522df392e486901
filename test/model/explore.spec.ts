import { explore } from './explore.js';
import { broken, type Model } from './model.js';

interface Jugs {
  small: number;
  large: number;
}

/** Jugs of 3 and 5 litres: the puzzle is to measure `litres`. */
function jugs(litres: number): Model<Jugs> {
  const solve = ({ large }: Jugs): void => {
    if (large === litres) broken(`${litres} litres are measured`);
  };
  return {
    initial: { small: 0, large: 0 },
    offer(_state, step) {
      step('fill the small jug', (s) => {
        s.small = 3;
      });
      step('fill the large jug', (s) => {
        s.large = 5;
        solve(s);
      });
      step('empty the small jug', (s) => {
        s.small = 0;
      });
      step('empty the large jug', (s) => {
        s.large = 0;
        solve(s);
      });
      step('pour into the large jug', (s) => {
        const poured = Math.min(s.small, 5 - s.large);
        Object.assign(s, { small: s.small - poured, large: s.large + poured });
        solve(s);
      });
      step('pour into the small jug', (s) => {
        const poured = Math.min(s.large, 3 - s.small);
        Object.assign(s, { small: s.small + poured, large: s.large - poured });
        solve(s);
      });
    },
  };
}

describe('exploring a model', () => {
  it('finds the shortest history that breaks a promise, and tells it', () => {
    const { violation } = explore(jugs(4));
    expect(violation?.promise).toBe('4 litres are measured');
    expect(violation?.history.map((line) => line.trim().replace(/\s+/g, ' '))).toEqual([
      '1. fill the large jug large = 5',
      '2. pour into the small jug small = 3, large = 2',
      '3. empty the small jug small = 0',
      '4. pour into the small jug small = 2, large = 0',
      '5. fill the large jug large = 5',
      '6. pour into the small jug ✖ 4 litres are measured',
    ]);
  });

  it('visits every state that can be reached, once', () => {
    // Water is measured only where a jug is full or empty.
    expect(explore(jugs(6))).toEqual({ states: 16, rests: 0 });
  });

  it('asks what is wrong where nothing can happen any more', () => {
    const countdown: Model<{ left: number }> = {
      initial: { left: 2 },
      offer({ left }, step) {
        if (left > 0) step('count', (s) => (s.left -= 1));
      },
      atRest: ({ left }) => `it ended at ${left}`,
    };
    const { violation, rests } = explore(countdown);
    expect([violation?.promise, violation?.history.length, rests]).toEqual(['it ended at 0', 2, 1]);
  });

  it('does not take a mistake of the model for a broken promise', () => {
    const mistaken: Model<object> = {
      initial: {},
      offer(_state, step) {
        step('fail', () => {
          throw new TypeError('not a number');
        });
      },
    };
    expect(() => explore(mistaken)).toThrow(TypeError);
  });

  it('refuses a model without bounds', () => {
    const endless: Model<{ count: number }> = {
      initial: { count: 0 },
      offer(_state, step) {
        step('count', (s) => (s.count += 1));
      },
    };
    expect(() => explore(endless)).toThrow('more than');
  }, 60_000);
});
