import type { Pool } from 'pg';
import { AgeRange, type Child, type Hero, type Language, Story } from './entities.js';

// These know nothing of a cache.

export class HeroRepository {
  constructor(private readonly db: Pool) {}

  async findById(id: number): Promise<Hero | undefined> {
    return (await this.db.query<Hero>('select * from heroes where id = $1', [id])).rows[0];
  }

  async findByName(name: string): Promise<Hero | undefined> {
    return (await this.db.query<Hero>('select * from heroes where lower(name) = lower($1)', [name])).rows[0];
  }

  async findByLanguage(language: Language): Promise<Hero[]> {
    return (await this.db.query<Hero>('select * from heroes where language = $1 order by id', [language])).rows;
  }

  async list(): Promise<Hero[]> {
    return (await this.db.query<Hero>('select * from heroes order by id')).rows;
  }

  async save(hero: Hero): Promise<Hero> {
    const upsert = `insert into heroes values ($1, $2, $3)
      on conflict (id) do update set name = excluded.name, language = excluded.language`;
    await this.db.query(upsert, [hero.id, hero.name, hero.language]);
    return hero;
  }

  async delete(id: number): Promise<void> {
    await this.db.query('delete from heroes where id = $1', [id]);
  }
}

const CHILDREN = 'select id, name, language, born_on as "bornOn" from children';

export class ChildRepository {
  constructor(private readonly db: Pool) {}

  async findById(id: number): Promise<Child | undefined> {
    return (await this.db.query<Child>(`${CHILDREN} where id = $1`, [id])).rows[0];
  }

  async findByName(name: string): Promise<Child | undefined> {
    return (await this.db.query<Child>(`${CHILDREN} where name = $1`, [name])).rows[0];
  }

  async list(): Promise<Child[]> {
    return (await this.db.query<Child>(`${CHILDREN} order by id`)).rows;
  }

  async update(child: Child): Promise<Child> {
    const update = 'update children set name = $2, language = $3, born_on = $4 where id = $1';
    await this.db.query(update, [child.id, child.name, child.language, child.bornOn]);
    return child;
  }
}

interface StoryRow extends Omit<Story, 'ages' | 'isFor'> {
  fromAge: number;
  toAge: number;
}

const STORIES = `select id, hero_id as "heroId", child_id as "childId", language, title, from_age as "fromAge",
  to_age as "toAge", created_at as "createdAt" from stories`;

export class StoryRepository {
  constructor(private readonly db: Pool) {}

  async findById(id: number): Promise<Story | undefined> {
    return (await this.find('id = $1', [id]))[0];
  }

  async findByLanguage(language: Language): Promise<Story[]> {
    return this.find('language = $1', [language]);
  }

  /** The stories told to a child about a hero in a language. */
  async findExact(heroId: number, childId: number, language: Language): Promise<Story[]> {
    return this.find('hero_id = $1 and child_id = $2 and language = $3', [heroId, childId, language]);
  }

  /** The language stays what it was: a translation is another story. */
  async save(story: Story): Promise<Story> {
    const { id, heroId, childId, language, title, ages, createdAt } = story;
    const upsert = `insert into stories values ($1, $2, $3, $4, $5, $6, $7, $8)
      on conflict (id) do update set title = excluded.title`;
    await this.db.query(upsert, [id, heroId, childId, language, title, ages.from, ages.to, createdAt]);
    return story;
  }

  async delete(id: number): Promise<Story | undefined> {
    const story = await this.findById(id);
    await this.db.query('delete from stories where id = $1', [id]);
    return story;
  }

  private async find(condition: string, values: unknown[]): Promise<Story[]> {
    const { rows } = await this.db.query<StoryRow>(`${STORIES} where ${condition} order by id`, values);
    return rows.map(
      (row) =>
        new Story(
          row.id,
          row.heroId,
          row.childId,
          row.language,
          row.title,
          new AgeRange(row.fromAge, row.toAge),
          row.createdAt,
        ),
    );
  }
}
