import { MetricsService } from 'nestjs-rcache';
import type { INestApplication } from '@nestjs/common';
import { Language } from './entities.js';
import { StoryRepository } from './repositories.js';

const READS = 200;

/** What a demonstration has seen; each prints as a line. */
export interface Observation {
  queries: number;
  stories: number;
}

/** Reads the stories of a language over and over. */
async function readStories(app: INestApplication, queries: () => number): Promise<Observation> {
  const before = queries();
  let stories = 0;
  for (let read = 0; read < READS; read++) {
    stories = (await app.get(StoryRepository).findByLanguage(Language.German)).length;
  }
  return { queries: queries() - before, stories };
}

/**
 * The same reads in four situations.
 *
 * @param without an instance whose cache is disabled
 * @param app an instance with a Redis that `stopRedis` takes away
 * @param queries how many the application has made so far
 */
export async function demonstrate(
  without: INestApplication,
  app: INestApplication,
  stopRedis: () => Promise<void>,
  queries: () => number,
  print: (line: string) => void,
): Promise<Record<'withoutCache' | 'withCache' | 'invalidation' | 'degradation', Observation>> {
  const show = (name: string, { queries: count, stories }: Observation) =>
    print(`${name}: ${READS} reads, ${count} queries, ${stories} stories`);

  const withoutCache = await readStories(without, queries);
  show('without cache', withoutCache);
  const withCache = await readStories(app, queries);
  show('with cache', withCache);

  const repository = app.get(StoryRepository);
  const [first] = await repository.findByLanguage(Language.German);
  if (first !== undefined) await repository.delete(first.id);
  const invalidation = await readStories(app, queries);
  show('after an invalidation', invalidation);
  for (const { name, requests, hitRatio } of app.get(MetricsService).snapshot().caches) {
    if (hitRatio !== undefined) print(`statistics of ${name}: ${requests} requests, hit ratio ${hitRatio.toFixed(2)}`);
  }

  await stopRedis();
  const degradation = await readStories(app, queries);
  show('without Redis', degradation);
  return { withoutCache, withCache, invalidation, degradation };
}
