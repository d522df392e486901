import { systemClock } from '../time.js';
import { ServerClock } from './server-clock.js';

describe('the clock of the server', () => {
  let nowMs = 0;
  const clock = { ...systemClock, nowMs: () => nowMs };

  it('is that of this machine until the server has told its time', () => {
    const server = new ServerClock(clock);
    expect(server.isKnown).toBe(false);
    expect(Math.abs(server.nowMs() - Date.now())).toBeLessThan(1_000);
  });

  it('takes half of the round trip for the way back', () => {
    const server = new ServerClock(clock);
    server.measured(['1700000000', '500000'], 100, 110);
    nowMs = 105;
    expect(server.nowMs()).toBe(1_700_000_000_500);
    nowMs = 205;
    expect(server.nowMs()).toBe(1_700_000_000_600);
  });

  it('does not follow the clock of this machine when that jumps', () => {
    const server = new ServerClock(clock);
    server.measured(['1700000000', '0'], 0, 0);
    const spy = jest.spyOn(Date, 'now').mockReturnValue(0);
    nowMs = 1_000;
    expect(server.nowMs()).toBe(1_700_000_001_000);
    spy.mockRestore();
  });

  it('translates instants of the server into ours', () => {
    const server = new ServerClock(clock);
    server.measured(['1700000000', '0'], 50, 50);
    nowMs = 60;
    expect(server.toLocalMs(1_700_000_001_000)).toBe(1_050);
  });

  it('ignores an answer that is no time', () => {
    const server = new ServerClock(clock);
    server.measured(['x', undefined], 0, 0);
    expect(server.isKnown).toBe(false);
  });
});
