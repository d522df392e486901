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

describe('a breaker held by hand', () => {
  const changes: string[] = [];
  let breaker: Breaker;

  beforeEach(() => {
    changes.length = 0;
    breaker = new Breaker((state) => changes.push(state));
    breaker.close('recovered');
  });

  it('open stays open, whatever a recovery under way comes to', () => {
    breaker.hold('open');
    breaker.halfOpen('probing');
    breaker.close('recovered');
    expect([breaker.state, changes]).toEqual(['open', ['closed', 'open']]);
    breaker.hold(undefined);
    breaker.close('recovered');
    expect(breaker.isClosed).toBe(true);
  });

  it('closed is not opened by silence, but by a lost connection', () => {
    breaker.hold('closed');
    for (let failure = 0; failure < 50; failure++) breaker.failed('silence');
    expect(breaker.isClosed).toBe(true);
    breaker.open('connection lost');
    expect(breaker.state).toBe('open');
  });
});
