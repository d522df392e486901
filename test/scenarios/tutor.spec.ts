import type { INestApplication } from '@nestjs/common';
import type { RedisCacheModuleOptions } from 'nestjs-rcache';
import { type RedisServer, startRedis } from '../../scripts/servers.mjs';
import { Browser } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { startInstance, startInstances } from './support/applications.js';
import { minutesLeft } from './support/caches.js';
import { ScenarioDatabase } from './support/database.js';
import { AnswerGenerator } from './tutor/answer-generator.js';
import { AnswersService } from './tutor/answers.service.js';
import { answerCache, learnerCache, settingsCache, statisticsCache } from './tutor/caches.js';
import { type Learner, LearnersService } from './tutor/learners.service.js';
import { StatisticsService, WallClock } from './tutor/statistics.service.js';
import { TutorModule } from './tutor/tutor.module.js';

const SETTINGS = { level: 'A2', language: 'de', tone: 'friendly' };

let database: ScenarioDatabase;
let redis: RedisServer | undefined;

beforeAll(async () => {
  database = await ScenarioDatabase.open('tutor');
}, 60_000);
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
});
afterAll(() => database.close());

const start = (options?: RedisCacheModuleOptions) => startInstance(TutorModule, database.pool, options);

/** A learner whose day nobody else writes to, at an instant of our choice. */
function onTheDayOf(app: INestApplication, id: number, timeZone: string, now: string) {
  const learner: Learner = { id, name: 'Somebody', timeZone };
  const setClock = (instant: string) => (app.get(WallClock).nowMs = () => Date.parse(instant));
  setClock(now);
  const hoursLeft = async (endsAt: string) => {
    const day = { learnerId: id, timeZone, endsAtMs: Date.parse(endsAt), remainingMs: 0 };
    return ((await minutesLeft(app, statisticsCache, day)) ?? 0) / 60;
  };
  return { learner, setClock, hoursLeft, today: () => app.get(StatisticsService).today(learner) };
}

describe('the language tutor', () => {
  it('asks the cache first for learners and their settings, and keeps both for 1 h', async () => {
    const learners = (await start()).get(LearnersService);
    const read = async () => [await learners.find(1), await learners.settings(1)];
    const first = await read();
    expect(first).toEqual([{ id: 1, name: 'Learner 1', timeZone: 'America/New_York' }, SETTINGS]);
    expect(await database.queriesDuring(async () => expect(await read()).toEqual(first))).toBe(0);
  });

  it('asks the database with bypass, and leaves the cache as it is', async () => {
    const app = await start();
    const learners = app.get(LearnersService);
    await learners.settings(2);
    await database.pool.query(`update settings set tone = 'strict' where learner_id = 2`);
    expect((await learners.settings(2, { bypass: true }))?.tone).toBe('strict');
    expect((await learners.settings(2))?.tone).toBe('friendly');
    expect(await minutesLeft(app, settingsCache, 2)).toBe(60);
  });

  it('answers with what an update has written, on every instance', async () => {
    const [first, second] = (await startInstances(2, TutorModule, database.pool)) as [
      INestApplication,
      INestApplication,
    ];
    const tone = async (app: INestApplication) => (await app.get(LearnersService).settings(3))?.tone;
    expect([await tone(first), await tone(second)]).toEqual(['friendly', 'friendly']);
    await first.get(LearnersService).configure(3, { ...SETTINGS, tone: 'formal' });
    expect(await tone(first)).toBe('formal');
    await eventually(async () => (await tone(second)) === 'formal');

    await first.get(LearnersService).find(3);
    await first.get(LearnersService).move(3, 'Asia/Tokyo');
    expect(await minutesLeft(first, learnerCache, 3)).toBeUndefined();
    expect((await first.get(LearnersService).find(3))?.timeZone).toBe('Asia/Tokyo');
  });

  it('pays once for a text with the same settings, whoever asks and in whatever order the settings come', async () => {
    const app = await start();
    const answers = app.get(AnswersService);
    const first = await answers.answer('Guten Tag', SETTINGS);
    const { tone, language, level } = SETTINGS;
    const sameAgain = { tone, language, level, theme: 'dark' };
    expect(await answers.answer(' Guten Tag ', sameAgain)).toBe(first);
    expect(app.get(AnswerGenerator).answers).toBe(1);
    expect(await minutesLeft(app, answerCache, 'Guten Tag', SETTINGS)).toBe(24 * 60);
    expect(await answers.answer('Guten Tag', { ...SETTINGS, level: 'B1' })).not.toBe(first);
    expect(await answers.answer('Guten Abend', SETTINGS)).not.toBe(first);
    expect(app.get(AnswerGenerator).answers).toBe(3);
  });

  it('counts hits and the money they saved, also of a crowd that asks at the same moment', async () => {
    const app = await start();
    const answers = app.get(AnswersService);
    await Promise.all(Array.from({ length: 10 }, () => answers.answer('Wie geht es dir?', SETTINGS)));
    await answers.answer('Wie geht es dir?', SETTINGS);
    expect(app.get(AnswerGenerator).answers).toBe(1);
    expect(answers.savings).toEqual({ requests: 11, hits: 10, savedCents: 20 });
  });

  it('does not remember a failure of the generator', async () => {
    const app = await start();
    const generator = app.get(AnswerGenerator);
    const failing = jest.spyOn(generator, 'generate').mockRejectedValueOnce(new Error('overloaded'));
    await expect(app.get(AnswersService).answer('Nochmal', SETTINGS)).rejects.toThrow('overloaded');
    expect(await app.get(AnswersService).answer('Nochmal', SETTINGS)).toContain('Nochmal');
    expect(failing).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['Asia/Tokyo', '2026-06-01T10:00:00+09:00', '2026-06-02T00:00:00+09:00', 14],
    ['America/New_York', '2026-06-01T10:00:00-04:00', '2026-06-02T00:00:00-04:00', 14],
    ['Europe/Berlin, a day of 23 hours', '2026-03-29T01:00:00+01:00', '2026-03-30T00:00:00+02:00', 22],
    ['Europe/Berlin, a day of 25 hours', '2026-10-25T01:00:00+02:00', '2026-10-26T00:00:00+01:00', 24],
  ])('keeps daily statistics until the end of the learner’s day: %s', async (place, now, endsAt, hours) => {
    const app = await start();
    const { today, hoursLeft } = onTheDayOf(app, 10, place.split(',')[0]!, now);
    await today();
    expect(await database.queriesDuring(today)).toBe(0);
    expect(await hoursLeft(endsAt)).toBe(hours);
  });

  it('begins anew with a new day, and counts the whole of a day on which the clocks change', async () => {
    const app = await start();
    const { today, setClock } = onTheDayOf(app, 11, 'Europe/Berlin', '2026-10-24T23:59:59+02:00');
    const record = (correct: boolean) => app.get(StatisticsService).record(11, correct);
    await record(true);
    expect(await today()).toEqual({ exercises: 1, correct: 1 });
    setClock('2026-10-25T00:00:01+02:00');
    expect(await today()).toEqual({ exercises: 0, correct: 0 });
    await record(true);
    setClock('2026-10-25T23:59:59+01:00');
    await record(false);
    expect(await today()).toEqual({ exercises: 2, correct: 1 });
  });

  it('counts new activity at once', async () => {
    const app = await start();
    const { today } = onTheDayOf(app, 12, 'Asia/Tokyo', '2026-06-01T10:00:00+09:00');
    for (let exercises = 0; exercises < 5; exercises++) {
      expect((await today()).exercises).toBe(exercises);
      await app.get(StatisticsService).record(12, true);
    }
  });

  it('is healthy with Redis, unavailable while it is gone, and disabled where it is switched off', async () => {
    redis = await startRedis();
    const app = await start({ connection: { url: redis.url } });
    const status = async (of: INestApplication) => (await new Browser(of).get('/health/cache')).body.status;
    expect(await status(app)).toBe('healthy');
    await redis.kill();
    await eventually(async () => (await status(app)) === 'unavailable');
    expect(await app.get(LearnersService).find(1)).toMatchObject({ id: 1 });
    expect(await status(await start({ enabled: false }))).toBe('disabled');
  }, 30_000);
});
