import {
  type CanActivate,
  ConsoleLogger,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  HttpCode,
  Inject,
  Injectable,
  type ModuleMetadata,
  Param,
  ParseIntPipe,
  Post,
  Scope,
  SetMetadata,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModule } from '@nestjs/testing';
import request from 'supertest';
import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import type { CacheEngine, CacheEngineOptions } from '../libs/redis-cache/src/cache/engine.js';
import { InvalidArgumentError, InvalidOptionsError } from '../libs/redis-cache/src/errors.js';
import { CacheDefaults } from '../libs/redis-cache/src/interception/cache-defaults.decorator.js';
import { CacheEvict } from '../libs/redis-cache/src/interception/cache-evict.decorator.js';
import { CachePut } from '../libs/redis-cache/src/interception/cache-put.decorator.js';
import { Cacheable } from '../libs/redis-cache/src/interception/cacheable.decorator.js';
import { attachCache } from '../libs/redis-cache/src/interception/decorated-method.js';
import { withoutCache } from '../libs/redis-cache/src/interception/without-cache.js';
import { RedisCacheModule } from '../libs/redis-cache/src/redis-cache.module.js';
import { CACHE_ENGINE } from '../libs/redis-cache/src/tokens.js';
import { trusted } from './support/engines.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

const SILENT = new ConsoleLogger({ logLevels: [] });

const apps: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function metadata(parts: ModuleMetadata, options: CacheEngineOptions = {}): ModuleMetadata {
  const connection = { url: testRedisUrl() };
  return {
    ...parts,
    imports: [
      RedisCacheModule.forRoot({ connection, namespace: uniqueNamespace(), ...options }),
      ...(parts.imports ?? []),
    ],
  };
}

async function start(providers: ModuleMetadata['providers'], options?: CacheEngineOptions): Promise<TestingModule> {
  const app = await Test.createTestingModule(metadata({ providers }, options)).setLogger(SILENT).compile();
  apps.push(app);
  await app.init();
  return app;
}

/** A started application with this one provider, and that provider. */
async function startWith<T>(provider: Type<T>, options?: CacheEngineOptions): Promise<T> {
  return (await start([provider], options)).get(provider);
}

/** Lets everything that is ready to run do so, I/O included. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface User {
  id: number;
  name: string;
}

describe('a cacheable method', () => {
  it('runs once for the same arguments, and again for others, even if they look alike', async () => {
    @Injectable()
    class Service {
      runs: unknown[][] = [];

      @Cacheable()
      async find(...args: unknown[]) {
        this.runs.push(args);
        return { run: this.runs.length };
      }
    }
    const service = await startWith(Service);
    const calls: unknown[][] = [
      [1],
      ['1'],
      [1, 2],
      ['1,2'],
      [[1, 2]],
      [null],
      [undefined],
      [],
      ['a:b', 'c'],
      ['a', 'b:c'],
    ];
    for (const args of [...calls, ...calls]) await service.find(...args);
    expect(service.runs).toEqual(calls);
    expect(await service.find(1)).toEqual({ run: 1 });
  });

  it('shares one run between callers at the same time', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable()
      async find(_id: number) {
        this.runs += 1;
        await gate;
        return this.runs;
      }
    }
    const service = await startWith(Service);
    const answers = Array.from({ length: 50 }, () => service.find(1));
    release();
    expect(new Set(await Promise.all(answers))).toEqual(new Set([1]));
  });

  it.each([[null], [undefined]])('remembers %s as a result', async (result) => {
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable()
      async find() {
        this.runs += 1;
        return result;
      }
    }
    const service = await startWith(Service);
    expect([await service.find(), await service.find()]).toEqual([result, result]);
    expect(service.runs).toBe(1);
  });

  it('passes errors on as they were thrown, and runs again', async () => {
    const thrown = new ForbiddenException('not yours');
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable()
      async find() {
        this.runs += 1;
        if (this.runs === 1) throw thrown;
        return 'found';
      }
    }
    const service = await startWith(Service);
    await expect(service.find()).rejects.toBe(thrown);
    expect(await service.find()).toBe('found');
  });

  it('says to give a key when the arguments make none', async () => {
    class Query {}
    @Injectable()
    class Service {
      @Cacheable()
      async find(_query: Query) {
        return 1;
      }
    }
    const service = await startWith(Service);
    const error = await service.find(new Query()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(String(error)).toMatch(/@Cacheable on Service\.find: .*instance of Query.*key:/);
  });

  it('makes key, tags, ttl and conditions of its arguments and result', async () => {
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable({
        key: (id: number) => ['item', id],
        tags: (id: number) => [`item:${id}`],
        tagsOf: (value: { group: string }) => [`group:${value.group}`],
        ttl: (value: { run: number }, id: number) => 60_000 + value.run * 1000 + id,
        condition: (id: number) => id !== 2,
        unless: (_value: unknown, id: number) => id === 3,
        bypass: (id: number) => id === 4,
      })
      async find(_id: number) {
        this.runs += 1;
        return { run: this.runs, group: 'a' };
      }
    }
    const app = await start([Service]);
    const service = app.get(Service);
    const engine = app.get<CacheEngine>(CACHE_ENGINE);
    const { defaultCache } = engine;
    await trusted(engine);

    await service.find(1);
    expect(await defaultCache.get(['item', 1])).toEqual({ run: 1, group: 'a' });
    const ttl = (await defaultCache.ttl(['item', 1])) ?? 0;
    expect(ttl).toBeGreaterThan(60_000);
    expect(ttl).toBeLessThanOrEqual(61_001);

    for (const tag of ['item:1', 'group:a']) {
      const before = service.runs;
      await defaultCache.invalidateTags([tag]);
      await service.find(1);
      await service.find(1);
      expect(service.runs).toBe(before + 1);
    }
    for (const id of [2, 3, 4]) {
      await service.find(id);
      expect(await defaultCache.has(['item', id])).toBe(false);
    }
  });

  it('is left alone inside withoutCache, which evictions are not', async () => {
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable({ key: () => 'k' })
      async find() {
        this.runs += 1;
        return this.runs;
      }

      @CacheEvict({ key: () => 'k' })
      async change() {}
    }
    const service = await startWith(Service);
    await service.find();
    expect(await withoutCache(() => service.find())).toBe(2);
    expect(await service.find()).toBe(1);
    await withoutCache(() => service.change());
    expect(await service.find()).toBe(3);
  });

  it('runs every time when the cache is disabled', async () => {
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable()
      async find() {
        this.runs += 1;
        return this.runs;
      }
    }
    const service = await startWith(Service, { enabled: false });
    expect([await service.find(), await service.find()]).toEqual([1, 2]);
  });

  it('keeps its name, its length, its metadata, and decorators above and below', async () => {
    const below = jest.fn();
    const above = jest.fn();
    const spied = (spy: jest.Mock) => (_target: object, _name: string, descriptor: PropertyDescriptor) => {
      const original = descriptor.value as (...args: unknown[]) => unknown;
      descriptor.value = function (this: unknown, ...args: unknown[]) {
        spy();
        return original.apply(this, args);
      };
    };
    @Injectable()
    class Service {
      @spied(above)
      @Cacheable()
      @spied(below)
      async stacked(_id: number) {
        return 1;
      }

      @SetMetadata('above', 1)
      @Cacheable()
      @SetMetadata('below', 2)
      async find(_id: number, _locale: string) {
        return 1;
      }
    }
    const service = await startWith(Service);
    await service.stacked(1);
    await service.stacked(1);
    expect([above.mock.calls.length, below.mock.calls.length]).toEqual([2, 1]);
    const { find } = service;
    expect([find.name, find.length]).toEqual(['find', 2]);
    expect([Reflect.getMetadata('above', find), Reflect.getMetadata('below', find)]).toEqual([1, 2]);
  });
});

describe('a definition', () => {
  const users = defineCache({
    name: 'users',
    ttl: '1h',
    key: (id: number) => ['user', id],
    tags: (id: number) => [`user:${id}`],
  });

  @Injectable()
  class Service {
    names = new Map([[1, 'Ada']]);
    runs = 0;

    @Cacheable(users)
    async find(id: number) {
      this.runs += 1;
      return { id, name: this.names.get(id) };
    }

    @Cacheable({ cache: users, args: ({ id }: { id: number }) => [id] })
    async findFor({ id }: { id: number }) {
      return this.find(id);
    }

    @CacheEvict({ cache: users, args: (user: User) => [user.id] })
    async rename({ id, name }: User) {
      this.names.set(id, name);
    }

    @CachePut({ cache: users, argsOf: (user: User) => [user.id] })
    async create(name: string): Promise<User> {
      this.names.set(7, name);
      return { id: 7, name };
    }

    @CacheEvict(users)
    async remove(id: number) {
      this.names.delete(id);
    }
  }

  it('is shared by readers, writers and evictors', async () => {
    const app = await start([Service]);
    const service = app.get(Service);
    expect(await service.find(1)).toEqual({ id: 1, name: 'Ada' });
    await service.rename({ id: 1, name: 'Grace' });
    expect(await service.find(1)).toEqual({ id: 1, name: 'Grace' });
    await service.create('Edith');
    expect(await service.find(7)).toEqual({ id: 7, name: 'Edith' });
    expect(service.runs).toBe(2);
    await service.remove(7);
    expect(await service.find(7)).toEqual({ id: 7, name: undefined });
    await app.get<CacheEngine>(CACHE_ENGINE).defaultCache.invalidateTags(['user:1']);
    await service.find(1);
    expect(service.runs).toBe(4);
  });

  it('lets another method read the same entries, with its arguments mapped', async () => {
    @Injectable()
    class Reader {
      @Cacheable({ cache: users, args: (dto: { id: number }) => [dto.id] })
      async find(_dto: { id: number }): Promise<unknown> {
        throw new Error('should have been answered from the cache');
      }
    }
    const app = await start([Service, Reader]);
    await app.get(Service).find(1);
    expect(await app.get(Reader).find({ id: 1 })).toEqual({ id: 1, name: 'Ada' });
  });

  it('keeps tenants apart, and refuses to answer without one', async () => {
    let tenant: string | undefined;
    const perTenant = defineCache({ name: 'per-tenant', key: (id: number) => ['x', id], context: ['tenant'] });
    @Injectable()
    class Tenants {
      @Cacheable(perTenant)
      async find(_id: number) {
        return tenant;
      }
    }
    const service = await startWith(Tenants, { context: () => ({ tenant }) });
    const seen: unknown[] = [];
    for (const name of ['acme', 'acme_co', 'acme.co', 'acme']) {
      tenant = name;
      seen.push(await service.find(1));
    }
    expect(seen).toEqual(['acme', 'acme_co', 'acme.co', 'acme']);
    tenant = undefined;
    await expect(service.find(1)).rejects.toThrow('tenant');
  });
});

describe('an evicting method', () => {
  @Injectable()
  class Service {
    version = 0;
    order: string[] = [];

    @Cacheable({ cache: 'items', key: (id: string) => id, tags: (id: string) => [`tag:${id}`] })
    async find(id: string) {
      return `${id}${this.version}`;
    }

    @CacheEvict({ cache: 'items', key: (id: string) => id })
    async byKey(_id: string) {}

    @CacheEvict({ cache: 'items', keys: (...ids: string[]) => ids })
    async byKeys(..._ids: string[]) {}

    @CacheEvict({
      cache: 'items',
      keysOf: (ids: string[]) => ids,
      tagsOf: (ids: string[]) => ids.map((id) => `tag:${id}2`),
    })
    async byResult(...ids: string[]) {
      return ids;
    }

    @CacheEvict({ tags: (id: string) => [`tag:${id}`] })
    async byTag(_id: string) {}

    @CacheEvict({ cache: 'items', pattern: (prefix: string) => `${prefix}*` })
    async byPattern(_prefix: string) {}

    @CacheEvict({ cache: 'items', all: true })
    async all() {}

    @CacheEvict({ cache: 'items', all: true, condition: (isWanted: boolean) => isWanted })
    async conditionally(_isWanted: boolean) {}

    @CacheEvict({ cache: 'items', all: true })
    async failing() {
      throw new Error('rolled back');
    }

    @CacheEvict({ cache: 'items', all: true, when: 'before' })
    async failingLate() {
      throw new Error('half done');
    }
  }

  const IDS = ['a', 'ab', 'a2', 'b'];

  /** Which of the ids are new after `act`, all having been cached before. */
  async function evictedBy(act: (service: Service) => Promise<unknown>): Promise<string[]> {
    const service = await startWith(Service);
    for (const id of IDS) await service.find(id);
    service.version += 1;
    await act(service).catch(() => undefined);
    const answers = await Promise.all(IDS.map((id) => service.find(id)));
    return IDS.filter((id, index) => answers[index] === `${id}1`);
  }

  it.each<[string, (service: Service) => Promise<unknown>, string[]]>([
    ['one key', (service) => service.byKey('a'), ['a']],
    ['several keys', (service) => service.byKeys('a', 'b'), ['a', 'b']],
    ['keys and tags of the result', (service) => service.byResult('a'), ['a', 'a2']],
    ['tags', (service) => service.byTag('b'), ['b']],
    ['a pattern', (service) => service.byPattern('a'), ['a', 'ab', 'a2']],
    ['everything', (service) => service.all(), IDS],
    ['nothing when the condition is false', (service) => service.conditionally(false), []],
    ['everything when the condition is true', (service) => service.conditionally(true), IDS],
    ['nothing when the method fails', (service) => service.failing(), []],
    ['everything before a method that fails', (service) => service.failingLate(), IDS],
  ])('evicts %s', async (_what, act, expected) => {
    expect(await evictedBy(act)).toEqual(expected);
  });

  it('answers when the eviction is done and not earlier', async () => {
    const app = await start([Service]);
    const cache = app.get<CacheEngine>(CACHE_ENGINE).defaultCache;
    let release: (status: 'applied') => void = () => undefined;
    const service = app.get(Service);
    jest.spyOn(cache, 'invalidateTags').mockReturnValue(new Promise((resolve) => (release = resolve)));
    let isAnswered = false;
    const answer = service.byTag('a').then(() => (isAnswered = true));
    await turns();
    expect(isAnswered).toBe(false);
    release('applied');
    await answer;
  });

  it('waits for the end of a transaction', async () => {
    const app = await start([Service]);
    const service = app.get(Service);
    const cache = app.get<CacheEngine>(CACHE_ENGINE).defaultCache;
    await service.find('a');
    service.version += 1;
    await cache.deferEvictions(async () => {
      await service.byKey('a');
      expect(await service.find('a')).toBe('a0');
    });
    expect(await service.find('a')).toBe('a1');
  });
});

describe('a putting method', () => {
  @Injectable()
  class Service {
    runs = 0;

    @Cacheable({ key: (id: number) => ['item', id] })
    async find(id: number) {
      return { id, from: 'find' };
    }

    @CachePut({
      key: (id: number) => ['item', id],
      tags: ['put'],
      tagsOf: (value: { from: string }) => [value.from],
      condition: (_id: number, from: string) => from !== 'nowhere',
      unless: (value: { from: string }) => value.from === 'secret',
    })
    async put(id: number, from: string) {
      this.runs += 1;
      return { id, from };
    }
  }

  it('always runs, and stores what it answers', async () => {
    const app = await start([Service]);
    const service = app.get(Service);
    // Tags that only the value tells can be stored once announcements are heard.
    await trusted(app.get<CacheEngine>(CACHE_ENGINE));
    await service.put(1, 'a');
    await service.put(1, 'b');
    expect(await service.find(1)).toEqual({ id: 1, from: 'b' });
    for (const tag of ['put', 'b']) {
      await service.put(1, 'b');
      await app.get<CacheEngine>(CACHE_ENGINE).defaultCache.invalidateTags([tag]);
      expect(await service.find(1)).toEqual({ id: 1, from: 'find' });
    }
  });

  it('removes the old value where the new one is not to be stored, and leaves it where it is not concerned', async () => {
    const app = await start([Service]);
    const service = app.get(Service);
    // Tags that only the value tells can be stored once announcements are heard.
    await trusted(app.get<CacheEngine>(CACHE_ENGINE));
    await service.put(1, 'a');
    await service.put(1, 'nowhere');
    expect(await service.find(1)).toEqual({ id: 1, from: 'a' });
    expect(await service.put(1, 'secret')).toEqual({ id: 1, from: 'secret' });
    expect(await service.find(1)).toEqual({ id: 1, from: 'find' });
  });
});

describe('decorators stand on', () => {
  it('several methods at once, in any order', async () => {
    @Injectable()
    class Service {
      @Cacheable({ key: (id: number) => ['a', id] })
      async a(_id: number) {
        return Math.random();
      }

      @Cacheable({ key: (id: number) => ['b', id] })
      async b(_id: number) {
        return Math.random();
      }

      @CacheEvict({ key: (id: number) => ['a', id] })
      @CachePut({ key: (id: number) => ['b', id] })
      async change(_id: number) {
        return 5;
      }

      @CachePut({ key: (id: number) => ['b', id] })
      @CacheEvict({ key: (id: number) => ['a', id] })
      async changeToo(_id: number) {
        return 6;
      }
    }
    const service = await startWith(Service);
    for (const [change, b] of [
      [() => service.change(1), 5],
      [() => service.changeToo(1), 6],
    ] as const) {
      const a = await service.a(1);
      expect(await service.a(1)).toBe(a);
      await change();
      expect(await service.a(1)).not.toBe(a);
      expect(await service.b(1)).toBe(b);
    }
  });

  it('request-scoped and transient providers, whose instances share what is cached', async () => {
    let instances = 0;
    abstract class Counting {
      readonly number = (instances += 1);

      @Cacheable()
      async find(id: number) {
        return [id, this.number];
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest extends Counting {}
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient extends Counting {}
    const app = await start([PerRequest, Transient]);
    for (const type of [PerRequest, Transient] as Type<Counting>[]) {
      const one = await app.resolve(type);
      const two = await app.resolve(type);
      expect(one).not.toBe(two);
      expect(await one.find(1)).toEqual([1, one.number]);
      expect(await two.find(1)).toEqual([1, one.number]);
      expect(await two.find(2)).toEqual([2, two.number]);
    }
  });

  it('inherited methods: subclasses do not share, and may override and call super', async () => {
    abstract class Base {
      runs = 0;

      @Cacheable()
      async find(id: number): Promise<string> {
        this.runs += 1;
        return `${this.constructor.name} ${id}`;
      }
    }
    @CacheDefaults({ cache: 'heroes' })
    @Injectable()
    class Heroes extends Base {
      @Cacheable()
      async list() {
        return 'heroes';
      }
    }
    @Injectable()
    class Villains extends Base {
      @Cacheable()
      override async find(id: number) {
        return `${await super.find(id)}!`;
      }
    }
    @Injectable()
    class Sidekicks extends Base {}
    const app = await start([Heroes, Villains, Sidekicks]);
    const [heroes, villains] = [app.get(Heroes), app.get(Villains)];
    for (const _ of [1, 2]) {
      expect(await heroes.find(1)).toBe('Heroes 1');
      expect(await villains.find(1)).toBe('Villains 1!');
      expect(await app.get(Sidekicks).find(1)).toBe('Sidekicks 1');
    }
    expect([heroes.runs, villains.runs]).toEqual([1, 1]);
    const cached = app
      .get<CacheEngine>(CACHE_ENGINE)
      .caches()
      .find(({ name }) => name === 'heroes');
    expect(cached?.stats.loads).toBe(1);
  });

  it('classes with defaults, which methods and subclasses refine', async () => {
    @CacheDefaults({ cache: 'shelf', ttl: '1h', tags: ['shelf'] })
    @Injectable()
    class Shelf {
      @Cacheable({ key: () => 'plain' })
      async plain() {
        return 1;
      }

      @Cacheable({ key: () => 'refined', ttl: '1m', tags: () => ['refined'] })
      async refined() {
        return 1;
      }

      @CacheEvict({ all: true })
      async clear() {}
    }
    @CacheDefaults({ ttl: '2h' })
    @Injectable()
    class LongShelf extends Shelf {}
    const app = await start([LongShelf]);
    const service = app.get(LongShelf);
    await service.plain();
    await service.refined();
    const cache = app
      .get<CacheEngine>(CACHE_ENGINE)
      .caches()
      .find(({ name }) => name === 'shelf');
    expect(await cache?.ttl('plain')).toBeGreaterThan(3_600_000);
    expect(await cache?.ttl('refined')).toBeLessThanOrEqual(60_000);
    await cache?.invalidateTags(['shelf']);
    expect([await cache?.has('plain'), await cache?.has('refined')]).toEqual([false, true]);
    await service.clear();
    expect(await cache?.has('refined')).toBe(false);
  });

  it('providers of several applications in one process, each with its own cache', async () => {
    @Injectable()
    class Service {
      runs = 0;

      @Cacheable()
      async find() {
        this.runs += 1;
        return this.runs;
      }
    }
    const [one, two] = [await start([Service]), await start([Service])];
    await one.get(Service).find();
    await two.get(Service).find();
    expect([one.get(Service).runs, two.get(Service).runs]).toEqual([1, 1]);
    apps.splice(apps.indexOf(one), 1);
    await one.close();
    expect(await two.get(Service).find()).toBe(1);
  });

  it('instances that a factory or the application itself made', async () => {
    class Service {
      @Cacheable()
      async find() {
        return Math.random();
      }
    }
    const app = await start([
      { provide: 'factory', useFactory: () => new Service() },
      { provide: 'value', useValue: new Service() },
    ]);
    const own = attachCache(new Service(), app.get<CacheEngine>(CACHE_ENGINE));
    const first = await app.get<Service>('factory').find();
    expect(await app.get<Service>('value').find()).toBe(first);
    expect(await own.find()).toBe(first);
    await expect(new Service().find()).rejects.toThrow(/Service\.find[^]*Nest did not make it[^]*attachCache/);
  });
});

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('a decorated controller on %s', (_name, createAdapter) => {
  @Injectable()
  class HeaderGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return (
        context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-token'] === 'let-me-in'
      );
    }
  }

  @Injectable()
  class Names {
    readonly byId = new Map([[1, 'Ada']]);
  }

  @Controller('users')
  class UsersController {
    constructor(@Inject(Names) private readonly names: Names) {}

    @Get(':id')
    @Cacheable({ key: (id: number) => ['user', id] })
    @UseGuards(HeaderGuard)
    async find(@Param('id', ParseIntPipe) id: number) {
      return { id, type: typeof id, name: this.names.byId.get(id) };
    }

    @CacheEvict({ key: (id: number) => ['user', id] })
    @Post(':id/:name')
    @HttpCode(202)
    async rename(@Param('id', ParseIntPipe) id: number, @Param('name') name: string) {
      this.names.byId.set(id, name);
      return { id };
    }
  }

  async function listen(namespace: string, names: Names) {
    const module = await Test.createTestingModule(
      metadata({ controllers: [UsersController], providers: [{ provide: Names, useValue: names }] }, { namespace }),
    )
      .setLogger(SILENT)
      .compile();
    const app = module.createNestApplication(createAdapter());
    await app.listen(0, '127.0.0.1');
    apps.push(app);
    return request(await app.getUrl());
  }

  it('keeps its route, guard and pipes, and answers what another instance wrote right after the response', async () => {
    const [namespace, names] = [uniqueNamespace(), new Names()];
    const [one, two] = [await listen(namespace, names), await listen(namespace, names)];
    const find = (client: typeof one) => client.get('/users/1').set('x-token', 'let-me-in');

    expect((await find(one)).body).toEqual({ id: 1, type: 'number', name: 'Ada' });
    names.byId.set(1, 'changed behind our back');
    expect((await find(one)).body.name).toBe('Ada');
    expect((await find(two)).body.name).toBe('Ada');
    expect((await one.get('/users/1')).status).toBe(403);
    expect((await one.get('/users/one').set('x-token', 'let-me-in')).status).toBe(400);

    expect((await two.post('/users/1/Grace')).status).toBe(202);
    expect((await find(two)).body.name).toBe('Grace');
  });
});

describe('misuse is an error that says what to do', () => {
  /** What is thrown when a decorator is put on a class member the way a compiler does it. */
  function decorate(decorator: unknown, member: 'method' | 'generator' | 'text' | 'accessor' | 'property' | 'static') {
    class Service {
      static async static() {}
      async method() {}
      async *generator() {
        yield 1;
      }
      text() {
        return '';
      }
      get accessor() {
        return 1;
      }
    }
    Reflect.defineMetadata('design:returntype', String, Service.prototype, 'text');
    const target = member === 'static' ? Service : Service.prototype;
    (decorator as (...args: unknown[]) => void)(target, member, Object.getOwnPropertyDescriptor(target, member));
  }

  it.each([
    ['generator', /@Cacheable on Service\.generator[^]*all its values/],
    ['text', /Service\.text[^]*returns String; make it async/],
    ['accessor', /Service\.accessor[^]*on a method, not on a property or an accessor/],
    ['property', /Service\.property[^]*on a method, not on a property or an accessor/],
    ['static', /Service\.static[^]*not on a static one/],
  ] as const)('on a %s', (member, message) => {
    expect(() => decorate(Cacheable(), member)).toThrow(message);
    expect(() => decorate(Cacheable(), member)).toThrow(InvalidOptionsError);
  });

  const definition = defineCache({ name: 'defined', key: (id: number) => ['x', id] });

  it.each<[string, () => unknown, RegExp]>([
    ['unknown', () => Cacheable({ tll: '1h' } as object), /"tll" is unknown; did you mean "ttl"\?/],
    ['wrong', () => Cacheable({ ttl: 0, jitter: 2 }), /ttl is 0[^]*jitter is 2/],
    ['not a function', () => Cacheable({ condition: true } as object), /condition is true; it must be a function/],
    ['args without a definition', () => Cacheable({ args: () => [] } as object), /args are those of a definition/],
    ['a key besides a definition', () => Cacheable({ cache: definition, key: () => 'k' } as object), /leave it out/],
    ['no key to put', () => CachePut({}), /give key, keyOf or a definition/],
    ['nothing to evict', () => CacheEvict({}), /nothing says what to evict/],
    ['a result before there is one', () => CacheEvict({ keysOf: () => [], when: 'before' }), /keysOf and tagsOf/],
    [
      'another time',
      () => CacheEvict({ all: true, when: 'now' as 'after' }),
      /when is 'now'; allowed are after, before/,
    ],
    [
      'no name of a cache',
      () => () => {
        CacheDefaults({ cache: 'a b' })(class A {});
      },
      /cache must be the name/,
    ],
  ])('of options: %s', (_what, decorator, message) => {
    expect(() => decorate(decorator(), 'method')).toThrow(message);
  });

  it('when the module is missing', async () => {
    @Injectable()
    class Service {
      @Cacheable()
      async find() {}
    }
    const starting = Test.createTestingModule({ providers: [Service] })
      .setLogger(SILENT)
      .compile();
    await expect(starting).rejects.toThrow('import RedisCacheModule.forRoot() in the root module');
  });

  it('when a method turns out to be synchronous', async () => {
    @Injectable()
    class Service {
      @Cacheable()
      find(): Promise<string> {
        return 'at once' as unknown as Promise<string>;
      }
    }
    const service = await startWith(Service);
    await expect(service.find()).rejects.toThrow(/@Cacheable on Service\.find[^]*text, not a promise; make it async/);
  });

  it('when a request-scoped class has a cache that is defined twice', async () => {
    const other = defineCache({ name: 'defined', key: (id: number) => ['y', id] });
    @Injectable({ scope: Scope.REQUEST })
    class One {
      @Cacheable(definition)
      async find(_id: number) {}
    }
    @Injectable({ scope: Scope.REQUEST })
    class Two {
      @Cacheable(other)
      async find(_id: number) {}
    }
    await expect(start([One, Two])).rejects.toThrow(/"defined"[^]*taken by another definition/);
  });

  it('when two classes of one name would share their default keys', async () => {
    const define = () => {
      @Injectable()
      class Service {
        @Cacheable()
        async find() {}
      }
      return Service;
    };
    await expect(start([define(), define()])).rejects.toThrow(/two classes Service; give a key/);
  });
});
