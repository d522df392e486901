import { Breaker, type BreakerState } from './breaker.js';

describe('the breaker', () => {
  let changes: [BreakerState, string][];
  let breaker: Breaker;
  beforeEach(() => {
    changes = [];
    breaker = new Breaker((state, reason) => changes.push([state, reason]));
  });

  it('is open until the connection has been recovered', () => {
    expect(breaker.state).toBe('open');
    breaker.halfOpen('probing');
    expect(breaker.isClosed).toBe(false);
    breaker.close('recovered');
    expect(breaker.isClosed).toBe(true);
    expect(changes).toEqual([
      ['half-open', 'probing'],
      ['closed', 'recovered'],
    ]);
  });

  it('opens after five failures in a row, and says why', () => {
    breaker.close('recovered');
    for (let failure = 1; failure <= 4; failure++) breaker.failed(`failure ${failure}`);
    expect(breaker.isClosed).toBe(true);
    breaker.failed('failure 5');
    expect(changes.at(-1)).toEqual(['open', 'failure 5']);
  });

  it('forgets failures at every answer', () => {
    breaker.close('recovered');
    for (let round = 0; round < 10; round++) {
      for (let failure = 0; failure < 4; failure++) breaker.failed('silence');
      breaker.succeeded();
    }
    expect(breaker.isClosed).toBe(true);
  });

  it('begins to count anew when it closes', () => {
    breaker.close('recovered');
    for (let failure = 0; failure < 5; failure++) breaker.failed('silence');
    breaker.close('recovered');
    for (let failure = 0; failure < 4; failure++) breaker.failed('silence');
    expect(breaker.isClosed).toBe(true);
  });

  it('is not closed by an answer that comes late', () => {
    breaker.open('connection lost');
    breaker.succeeded();
    expect(breaker.state).toBe('open');
  });

  it('reports changes only', () => {
    breaker.open('again');
    breaker.close('recovered');
    breaker.close('recovered');
    breaker.open('lost');
    breaker.open('lost');
    expect(changes.map(([state]) => state)).toEqual(['closed', 'open']);
  });
});
