import { InvalidArgumentError } from './errors.js';
import { endOfDay, systemClock, toMs, toMsOrZero, toTimeoutMs } from './time.js';

describe('toMs', () => {
  it.each([
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['30m', 1_800_000],
    ['1.5h', 5_400_000],
    ['1 day', 86_400_000],
    ['2 weeks', 1_209_600_000],
    [' 2H ', 7_200_000],
    ['300', 300],
    [0.2, 1],
    [1.6, 2],
  ])('reads %p as %p milliseconds', (duration, ms) => {
    expect(toMs(duration, 'ttl')).toBe(ms);
    expect(toMsOrZero(duration, 'ttl')).toBe(ms);
  });

  it.each([-1, '-5m', NaN, Infinity, 1e300, '', 'soon', '5 bananas', '1m 30s', '0 bananas', '0..5s', null, {}, 5n])(
    'refuses %p, naming the option, the value and what is allowed',
    (duration) => {
      for (const read of [toMs, toMsOrZero]) {
        expect(() => read(duration as never, 'grace')).toThrow(InvalidArgumentError);
        expect(() => read(duration as never, 'grace')).toThrow(/^grace is .+\. It must be .+'15m'/);
      }
    },
  );

  it.each([0, -0, '0', '0s', '00 ms', '0.0 h'])('takes %p for zero, which only toMsOrZero allows', (zero) => {
    expect(toMsOrZero(zero, 'grace')).toBe(0);
    expect(() => toMs(zero, 'ttl')).toThrow('ttl is');
  });
});

describe('toTimeoutMs', () => {
  it('reads what toMs reads, up to a day', () => {
    expect(toTimeoutMs('30s', 'hardTimeout')).toBe(30_000);
    expect(toTimeoutMs('1 day', 'hardTimeout')).toBe(86_400_000);
    for (const refused of ['25h', 86_400_001, 2 ** 31, 0, 'soon']) {
      expect(() => toTimeoutMs(refused, 'hardTimeout')).toThrow(
        /^hardTimeout is .+\. It must be (at most one day|more than 0)/,
      );
    }
  });
});

describe('systemClock', () => {
  it('ends a sleep early, without an error, when the signal aborts', async () => {
    const controller = new AbortController();
    const asleep = systemClock.sleep(60_000, controller.signal);
    controller.abort();
    await expect(asleep).resolves.toBeUndefined();
    await expect(systemClock.sleep(60_000, controller.signal)).resolves.toBeUndefined();
  });

  it('does not cut a sleep longer than Node can time down to nothing', async () => {
    const controller = new AbortController();
    let isAwake = false;
    const asleep = systemClock.sleep(2 ** 40, controller.signal).then(() => (isAwake = true));
    await systemClock.sleep(5);
    expect(isAwake).toBe(false);
    controller.abort();
    await asleep;
  });

  it('keeps no process alive with a sleep', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const controller = new AbortController();
    const asleep = systemClock.sleep(60_000, controller.signal);
    expect(timers()).toBe(before);
    controller.abort();
    await asleep;
  });

  it('counts forwards', () => {
    const startMs = systemClock.nowMs();
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(startMs);
    expect(systemClock.random()).toBeLessThan(1);
  });
});

describe('endOfDay', () => {
  it.each([
    ['an ordinary day', 'Europe/Berlin', '2026-06-15T10:00:00Z', '2026-06-15T22:00:00Z'],
    ['the last millisecond of a day', 'UTC', '2026-06-15T23:59:59.999Z', '2026-06-16T00:00:00Z'],
    ['the first millisecond of a day', 'UTC', '2026-06-15T00:00:00Z', '2026-06-16T00:00:00Z'],
    ['the end of a year', 'America/New_York', '2027-01-01T04:00:00Z', '2027-01-01T05:00:00Z'],
    ['a day of 23 hours', 'Europe/Berlin', '2026-03-28T23:30:00Z', '2026-03-29T22:00:00Z'],
    ['a day of 25 hours', 'Europe/Berlin', '2026-10-24T23:00:00Z', '2026-10-25T23:00:00Z'],
    ['a night without midnight', 'Africa/Cairo', '2026-04-23T12:00:00Z', '2026-04-23T22:00:00Z'],
    ['a midnight put off by an hour', 'America/Sao_Paulo', '2018-02-17T12:00:00Z', '2018-02-18T03:00:00Z'],
    ['a day that the calendar skips', 'Pacific/Apia', '2011-12-29T20:00:00Z', '2011-12-30T10:00:00Z'],
    ['half hours', 'Asia/Kolkata', '2026-06-15T19:00:00Z', '2026-06-16T18:30:00Z'],
    ['a plain offset', '+05:45', '2026-06-15T18:14:59Z', '2026-06-15T18:15:00Z'],
  ])('is right for %s', (_, timeZone, now, end) => {
    expect(endOfDay(timeZone, () => Date.parse(now))()).toEqual(new Date(end));
  });

  it('is the instant at which the calendar page turns, in every zone on every day of a year', () => {
    for (const timeZone of ['Africa/Cairo', 'America/Havana', 'Australia/Lord_Howe', 'Asia/Tehran', 'Europe/London']) {
      const page = new Intl.DateTimeFormat('en-CA', { timeZone });
      for (let day = 0; day < 366; day++) {
        const nowMs = Date.UTC(2026, 0, 1 + day, day % 24, day % 60);
        const endMs = endOfDay(timeZone, () => nowMs)().getTime();
        expect([page.format(endMs - 1), page.format(endMs) > page.format(nowMs), timeZone, nowMs]).toEqual([
          page.format(nowMs),
          true,
          timeZone,
          nowMs,
        ]);
      }
    }
  });

  it('asks the clock of the machine unless told otherwise', () => {
    const leftMs = endOfDay('UTC')().getTime() - Date.now();
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(86_400_000);
  });

  it.each(['Europe/Atlantis', 'Etc/GMT+99', '+99:00', '', 'CET ', undefined])('refuses the zone %p at once', (zone) => {
    expect(() => endOfDay(zone as never)).toThrow(InvalidArgumentError);
    expect(() => endOfDay(zone as never)).toThrow(/time zone .+ not known.+'Europe\/Berlin'/);
  });
});
