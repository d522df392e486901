import type { INestApplication } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { getRedisToken, MetricsService, type RedisCacheModuleOptions } from 'nestjs-rcache';
import { type RedisServer, startRedis } from '../../scripts/servers.mjs';
import { eventually } from '../support/eventually.js';
import { uniqueNamespace } from '../support/servers.js';
import { demonstrate } from './library/demonstrations.js';
import { AgeRange, Language, Story } from './library/entities.js';
import { LibraryModule, StoryCounts } from './library/library.module.js';
import { ChildRepository, HeroRepository, StoryRepository } from './library/repositories.js';
import { startInstance, startInstances } from './support/applications.js';
import { hitRatiosDuring } from './support/caches.js';
import { ScenarioDatabase } from './support/database.js';

let database: ScenarioDatabase;
let redis: RedisServer | undefined;

beforeAll(async () => {
  database = await ScenarioDatabase.open('library');
}, 60_000);
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
});
afterAll(() => database.close());

const start = (options?: RedisCacheModuleOptions) => startInstance(LibraryModule, database.pool, options);

const newStory = (id: number, language = Language.German) =>
  new Story(id, 1, 1, language, 'New', new AgeRange(4, 6), new Date('2026-05-01T10:00:00Z'));

describe('the story library', () => {
  it.each<[string, (app: INestApplication) => Promise<unknown>]>([
    ['a hero by id', (app) => app.get(HeroRepository).findById(1)],
    ['a hero by name, in whatever case', (app) => app.get(HeroRepository).findByName('Hero 2')],
    ['heroes by language', (app) => app.get(HeroRepository).findByLanguage(Language.Ukrainian)],
    ['all heroes', (app) => app.get(HeroRepository).list()],
    ['a child by id', (app) => app.get(ChildRepository).findById(1)],
    ['a child by name', (app) => app.get(ChildRepository).findByName('Child 2')],
    ['all children', (app) => app.get(ChildRepository).list()],
    ['a story by id', (app) => app.get(StoryRepository).findById(1)],
    ['stories by language', (app) => app.get(StoryRepository).findByLanguage(Language.English)],
    ['stories by exactly hero, child and language', (app) => app.get(StoryRepository).findExact(1, 5, Language.German)],
  ])('answers from the cache as the repository does: %s', async (_what, find) => {
    const [app, plain] = [await start(), await start({ enabled: false })];
    const expected = await find(plain);
    expect(expected).toBeTruthy();
    expect(await find(app)).toEqual(expected);
    const again = async () => expect(await find(app)).toEqual(expected);
    expect(await database.queriesDuring(again)).toBe(0);
  });

  it('has an entry for each triple, and one name for every spelling', async () => {
    const app = await start();
    const [heroes, stories] = [app.get(HeroRepository), app.get(StoryRepository)];
    await stories.findExact(1, 2, Language.German);
    const others = () =>
      Promise.all([stories.findExact(2, 1, Language.German), stories.findExact(1, 2, Language.English)]);
    expect(await database.queriesDuring(others)).toBe(2);
    await heroes.findByName('Hero 7');
    expect(await database.queriesDuring(() => heroes.findByName('HERO 7'))).toBe(0);
  });

  it('gives back enums, value objects and timestamps as they were, also to another instance', async () => {
    const instances = await startInstances(2, LibraryModule, database.pool);
    for (const app of [...instances, ...instances]) {
      const story = (await app.get(StoryRepository).findById(2))!;
      expect(story).toBeInstanceOf(Story);
      expect(story.ages).toBeInstanceOf(AgeRange);
      expect(story.createdAt).toEqual(new Date('2025-12-31T22:00:00Z'));
      expect(story.language).toBe(Language.Ukrainian);
      expect([story.isFor(5), story.isFor(9)]).toEqual([true, false]);
    }
  });

  it('keeps heroes 1 h, children 30 min, stories 10 min', async () => {
    const namespace = uniqueNamespace();
    const app = await start({ namespace });
    await app.get(HeroRepository).findById(1);
    await app.get(ChildRepository).findById(1);
    await app.get(StoryRepository).findById(1);
    const client = app.get<Redis>(getRedisToken());
    const minutesOf = async (name: string) => {
      const keys = (await client.keys(`${namespace}:*`)).filter(
        (key) => key.includes(`${name}:`) && !key.includes(':t:'),
      );
      return Promise.all(keys.map(async (key) => Math.round((await client.pttl(key)) / 60_000)));
    };
    expect(await minutesOf('heroes')).toContain(60);
    expect(await minutesOf('children')).toContain(30);
    expect(await minutesOf('stories')).toContain(10);
  });

  it('shows what was saved, updated and deleted by every finder, on every instance', async () => {
    const [first, second] = (await startInstances(2, LibraryModule, database.pool)) as [
      INestApplication,
      INestApplication,
    ];
    const names = async (app: INestApplication, language: Language) =>
      (await app.get(HeroRepository).findByLanguage(language)).map(({ name }) => name);
    const seen = async (app: INestApplication) => [
      (await names(app, Language.German)).includes('Wanderer'),
      (await names(app, Language.English)).includes('Wanderer'),
      (await app.get(HeroRepository).findByName('Wanderer'))?.language,
    ];
    const hero = { id: 900, name: 'Wanderer', language: Language.German };
    const nothing = [false, false, undefined];
    expect([await seen(first), await seen(second)]).toEqual([nothing, nothing]);
    const steps: [() => Promise<unknown>, unknown][] = [
      [() => first.get(HeroRepository).save(hero), [true, false, 'de']],
      [() => first.get(HeroRepository).save({ ...hero, language: Language.English }), [false, true, 'en']],
      [() => first.get(HeroRepository).delete(hero.id), nothing],
    ];
    for (const [write, expected] of steps) {
      await write();
      expect(await seen(first)).toEqual(expected);
      await eventually(async () => {
        expect(await seen(second)).toEqual(expected);
      });
    }
    const child = (await first.get(ChildRepository).findById(3))!;
    await first.get(ChildRepository).update({ ...child, name: 'Renamed' });
    expect(await first.get(ChildRepository).findByName('Renamed')).toMatchObject({ id: 3 });
    expect((await first.get(ChildRepository).findById(3))?.name).toBe('Renamed');
  });

  it('invalidates by language: what is counted in German goes with German stories, and stays with English ones', async () => {
    const app = await start();
    const [stories, counts] = [app.get(StoryRepository), app.get(StoryCounts)];
    const german = () => counts.of(Language.German);
    const before = await german();
    await stories.save(newStory(9_001, Language.English));
    expect(await database.queriesDuring(german)).toBe(0);
    await stories.save(newStory(9_002));
    expect(await german()).toBe(before + 1);
    await stories.delete(9_002);
    expect(await german()).toBe(before);
  });

  it('leaves the entities of other ids alone', async () => {
    const app = await start();
    const stories = app.get(StoryRepository);
    await stories.findById(50);
    await stories.save(newStory(9_003));
    expect(await database.queriesDuring(() => stories.findById(50))).toBe(0);
  });

  it('has statistics of each repository', async () => {
    const app = await start();
    const heroes = app.get(HeroRepository);
    for (let read = 0; read < 4; read++) await heroes.findById(1);
    await heroes.save({ id: 1, name: 'Hero 1', language: Language.English });
    const { caches } = app.get(MetricsService).snapshot();
    const statistics = caches.find(({ name }) => name === 'heroes');
    expect(statistics).toMatchObject({ requests: 4, misses: 1, loads: 1, hitRatio: 0.75 });
    expect(statistics?.invalidations).toBeGreaterThan(0);
  });

  it('answers 80 % of reads of heroes from the cache, 70 % of children, 60 % of stories', async () => {
    const app = await start();
    const [heroes, children, stories] = [app.get(HeroRepository), app.get(ChildRepository), app.get(StoryRepository)];
    const work = async () => {
      for (let index = 0; index < 600; index++) {
        await heroes.findById((index % 30) + 1);
        await heroes.findByLanguage(Language.German);
        await children.findById((index % 50) + 1);
        await stories.findByLanguage(Language.English);
        await stories.findExact((index % 20) + 1, (index % 2) + 1, Language.German);
        // New stories come more often than children change, and heroes hardly ever do.
        if (index % 200 === 0) await heroes.save({ id: 1, name: 'Hero 1', language: Language.English });
        if (index % 60 === 0)
          await children.update({ id: 9, name: 'Child 9', language: Language.German, bornOn: '2016-09-27' });
        if (index % 300 === 299) await stories.save(newStory(9_100 + index));
      }
    };
    const ratios = await hitRatiosDuring(work, app, ['heroes', 'children', 'stories']);
    expect(ratios[0]).toBeGreaterThan(0.8);
    expect(ratios[1]).toBeGreaterThan(0.7);
    expect(ratios[2]).toBeGreaterThan(0.6);
  }, 60_000);

  it('runs the four demonstrations: without cache, with cache, invalidation, degradation', async () => {
    redis = await startRedis();
    const app = await start({ connection: { url: redis.url } });
    const lines: string[] = [];
    const seen = await demonstrate(
      await start({ enabled: false }),
      app,
      () => redis!.kill(),
      () => database.queries,
      (line) => lines.push(line),
    );
    const { stories } = seen.withoutCache;
    expect(seen.withoutCache.queries).toBe(200);
    expect(seen.withCache).toEqual({ queries: 1, stories });
    expect(seen.invalidation).toEqual({ queries: 1, stories: stories - 1 });
    expect(seen.degradation.stories).toBe(stories - 1);
    expect(lines.filter((line) => line.includes('200 reads'))).toHaveLength(4);
  }, 60_000);
});
