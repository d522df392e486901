import type { CacheEvents } from '../libs/redis-cache/src/events.js';
import { RequestSession } from '../libs/redis-cache/src/session/request-session.js';
import { startSessions } from './support/sessions.js';

const HEADERS = 100_000;

/** Deterministic, so that a failure can be repeated (xorshift). */
function* random(): Generator<number> {
  for (let state = 20_261_121; ;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

describe('100,000 cookies that nobody was given', () => {
  it('neither crash anything nor reach Redis', async () => {
    const { sessions, connection, events } = await startSessions();
    const { id } = await sessions.create({});
    const counts: Record<string, number> = {};
    events.on('session', ({ operation, result }: CacheEvents['session']) => {
      counts[`${operation} ${result}`] = (counts[`${operation} ${result}`] ?? 0) + 1;
    });
    let commands = 0;
    const run = connection.run.bind(connection);
    connection.run = (...args) => {
      commands += 1;
      return run(...args);
    };
    const pieces = [
      '__Host-session=',
      '__Host-session',
      '=',
      ';',
      '; ',
      ' ',
      '"',
      '%00',
      '\0',
      '\u{1f4a5}',
      'é',
      id.slice(0, 44),
      `${id}x`,
      'a=b',
      '__proto__=1',
      'x'.repeat(5000),
    ];
    const dice = random();
    const roll = (sides: number): number => (dice.next().value as number) % sides;
    let nearMisses = 0;
    for (let header = 0; header < HEADERS; header++) {
      let text = Array.from({ length: 1 + roll(6) }, () => {
        const piece = pieces[roll(pieces.length)]!;
        return roll(4) === 0 ? piece + String.fromCodePoint(roll(0xd7ff)) : piece;
      }).join('');
      // The real id with one character replaced by one that no id has, or twice.
      if (header % 10 === 0) {
        const at = roll(45);
        text =
          header % 20 === 0
            ? `__Host-session=${id.slice(0, at)}${'!.~é '[roll(5)]!}|${id.slice(at + 1)}`
            : `__Host-session=${id}; ${text}; __Host-session=${id}`;
        nearMisses += 1;
      }
      const session = await new RequestSession(sessions, { headers: { cookie: text } }).load();
      expect(session.stored).toBeUndefined();
    }
    expect(commands).toBe(0);
    expect(Object.keys(counts).sort()).toEqual(['cookie duplicate', 'cookie malformed', 'cookie oversized']);
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(nearMisses);
    expect(
      (await new RequestSession(sessions, { headers: { cookie: `__Host-session=${id}` } }).load()).stored,
    ).toBeDefined();
  }, 60_000);
});
