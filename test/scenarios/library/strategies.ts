import { defineCache, type EntityStrategy } from 'nestjs-rcache';
import { AgeRange, type Language, Story } from './entities.js';
import type { ChildRepository, HeroRepository, StoryRepository } from './repositories.js';

export const tagOf = { language: (language: Language): string => `language:${language}` };

/** By id, by name, by language, all; 1 h: heroes hardly ever change. */
export const heroes: EntityStrategy<HeroRepository> = {
  name: 'heroes',
  ttl: '1h',
  finders: {
    findByName: { key: (name) => [name.toLowerCase()] },
    findByLanguage: {},
  },
};

/** By id, by name, all; 30 min. */
export const children: EntityStrategy<ChildRepository> = {
  name: 'children',
  ttl: '30m',
  finders: { findByName: {} },
};

/** A story as plain data; its timestamp stays a `Date`. */
type StoredStory = Omit<Story, 'ages' | 'isFor'> & { ages: readonly [from: number, to: number] };

/** By id, by language, by exactly hero, child and language; 10 min: a new one comes every few minutes. */
export const stories: EntityStrategy<StoryRepository, StoredStory> = {
  name: 'stories',
  ttl: '10m',
  tags: ({ language }) => [tagOf.language(language)],
  finders: { findByLanguage: {}, findExact: {} },
  serialise: ({ ages, ...story }) => ({ ...story, ages: [ages.from, ages.to] }),
  deserialise: ({ id, heroId, childId, language, title, ages, createdAt }) =>
    new Story(id, heroId, childId, language, title, new AgeRange(ages[0], ages[1]), createdAt),
};

/** How many stories there are in a language: goes with every story of that language that is written, and no other. */
export const storyCountCache = defineCache<[language: Language], number>({
  name: 'story-counts',
  key: (language) => [language],
  tags: (language) => [tagOf.language(language)],
  ttl: '10m',
});
