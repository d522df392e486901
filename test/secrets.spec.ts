import { randomBytes } from 'node:crypto';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CACHE_ENGINE,
  CacheEngine,
  CacheService,
  RedisCacheHealthIndicator,
  RedisCacheModule,
  type RedisCacheModuleOptions,
} from 'nestjs-rcache';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import type { ConnectionOptions } from '../libs/redis-cache/src/redis/connection-options.js';
import type { Fault } from './lab/faults.mjs';
import { startStandalone } from './lab/standalone.mjs';
import { eventually } from './support/eventually.js';
import { Outlets } from './support/outlets.js';
import { STAGED, stageOf } from './support/server-states.js';
import { sessionKeys, startSessions } from './support/sessions.js';
import { uniqueNamespace } from './support/servers.js';

const marker = (what: string): string => `${what}-${randomBytes(9).toString('hex')}`;
const PASSWORD = marker('password');
const PAYLOAD = marker('payload');
const KEY = marker('key');
const SECRETS = [PASSWORD, PAYLOAD];

/** A private Redis in which something can be made to go wrong. */
interface Trouble {
  readonly connection: ConnectionOptions;
  begin(namespace: string): Promise<unknown>;
  end(): Promise<unknown>;
  stop(): Promise<void>;
}

async function serverState(state: string): Promise<Trouble> {
  const stage = await stageOf(state);
  // Without a password of its own the server takes any.
  const credentials = stage.connection.password === undefined ? { username: 'default', password: PASSWORD } : {};
  return { ...stage, connection: { ...stage.connection, ...credentials } };
}

async function networkFault(fault: Fault): Promise<Trouble> {
  const lab = await startStandalone();
  const { proxy } = lab.nodes[0]!;
  return {
    connection: { ...lab.connection, username: 'default', password: PASSWORD },
    begin: async () => {
      proxy.apply(fault);
    },
    end: async () => {
      proxy.heal();
    },
    stop: () => lab.stop(),
  };
}

/** Lists where entries and ids of tags belong. */
async function otherTypes(): Promise<Trouble> {
  const trouble = await networkFault({ type: 'latency', ms: 0 });
  const redis = new Redis(trouble.connection.url!);
  return {
    ...trouble,
    begin: async (namespace) => {
      const keys = ['t:{u:tag}', ...VALUES.map((_value, index) => `e:{default:${KEY}:${index}}`)];
      for (const key of keys.map((each) => `${namespace}:${each}`))
        await redis.multi().del(key).rpush(key, PAYLOAD).exec();
    },
    stop: async () => {
      redis.disconnect();
      await trouble.stop();
    },
  };
}

async function killed(): Promise<Trouble> {
  const lab = await startStandalone();
  const node = lab.nodes[0]!;
  return {
    connection: { ...lab.connection, username: 'default', password: PASSWORD },
    begin: () => node.kill(),
    end: () => node.start(),
    stop: () => lab.stop(),
  };
}

const TROUBLES: Record<string, () => Promise<Trouble>> = {
  ...Object.fromEntries(STAGED.map((state) => [state, () => serverState(state)])),
  WRONGTYPE: otherTypes,
  'a killed server': killed,
  'a black hole': () => networkFault({ type: 'black-hole' }),
  'cuts in replies': () => networkFault({ type: 'cut-mid-reply', times: 20 }),
  'corrupt replies': () => networkFault({ type: 'corrupt-byte', times: 20 }),
  'lost replies': () => networkFault({ type: 'drop-replies' }),
  'refused connections': () => networkFault({ type: 'refuse' }),
};

const payload = { text: PAYLOAD, list: [PAYLOAD, { deep: PAYLOAD }] };
const VALUES = [PAYLOAD, payload, Buffer.from(PAYLOAD), new Map([['field', PAYLOAD]]), PAYLOAD.repeat(1000)];

type Calls = readonly (() => Promise<unknown>)[];

const reads = (cache: CacheService): Calls => [
  ...VALUES.flatMap((value, index) => [
    () => cache.set(`${KEY}:plain:${index}`, value),
    () => cache.set(`${KEY}:${index}`, value, { tags: ['tag'] }),
    () => cache.getOrSet(`${KEY}:${index}`, () => value, { tags: ['tag'] }),
    () => cache.getOrSet(`${KEY}:${index}`, () => value, { consistency: 'strong' }),
    () => cache.put(`${KEY}:${index}`, async () => value),
    () => cache.lookup(`${KEY}:${index}`),
  ]),
  () => cache.getOrSetMany([`${KEY}:0`, `${KEY}:many`], (keys) => new Map(keys.map((key) => [key, payload]))),
  () => cache.warm([`${KEY}:warm`], () => payload),
];

const invalidations = (cache: CacheService, strict = { strict: true }): Calls => [
  () => cache.delete(`${KEY}:0`, strict),
  () => cache.expire(`${KEY}:1`, strict),
  () => cache.invalidateTags(['tag'], strict),
  () => cache.invalidatePattern(`${KEY}:*`, strict),
  () => cache.clear(strict),
  () => cache.clearNamespace(strict),
];

/** The payload in the wrong places, and what cannot be cached. */
const mistakes = (cache: CacheService): Calls => [
  () => cache.getOrSet(KEY, PAYLOAD as never),
  () => cache.getOrSet(KEY, payload as never),
  () => cache.put(KEY, PAYLOAD as never),
  () => cache.getOrSet(KEY, () => payload, PAYLOAD as never),
  () => cache.set(KEY, 60, PAYLOAD as never),
  () => cache.set(KEY, 60, payload as never),
  () => cache.delete(KEY, PAYLOAD as never),
  () => cache.setMany(payload as never),
  () => cache.setMany([[KEY, payload, PAYLOAD]] as never),
  () => cache.getOrSetMany([KEY], PAYLOAD as never),
  () => cache.getOrSetMany([`${KEY}:array`], () => [PAYLOAD] as never),
  () => cache.deferEvictions(PAYLOAD as never),
  () => cache.set(KEY, { ...payload, method: () => PAYLOAD }),
  () => cache.getOrSet(`${KEY}:stream`, () => ({ ...payload, pipe: () => undefined })),
  () =>
    cache.getOrSet(`${KEY}:slow`, () => new Promise((resolve) => setTimeout(resolve, 60, payload)), {
      hardTimeout: 20,
    }),
  () => cache.getOrSet(`${KEY}:self`, () => cache.getOrSet(`${KEY}:self`, () => payload)),
];

describe('no password, key or payload leaves', () => {
  let outlets: Outlets;
  beforeEach(() => {
    outlets = new Outlets();
  });
  afterEach(() => {
    outlets.close();
  });

  async function startWith(options: RedisCacheModuleOptions): Promise<TestingModule> {
    return Test.createTestingModule({ imports: [RedisCacheModule.forRoot({ startTimeout: '5s', ...options })] })
      .setLogger(outlets.logger)
      .compile();
  }

  it.each(Object.entries(TROUBLES))(
    'whatever Redis does: %s',
    async (name, begin) => {
      const trouble = await begin();
      const registry = new Registry();
      const namespace = uniqueNamespace();
      const connection = { ...trouble.connection, commandTimeout: 100, controlTimeout: 150, socketTimeout: 300 };
      const module = await startWith({ namespace, connection, metrics: { prometheus: registry } });
      try {
        const engine = module.get<CacheEngine>(CACHE_ENGINE);
        const cache = module.get(CacheService);
        const health = module.get(RedisCacheHealthIndicator);
        outlets.watch(engine);
        const sessions = await startSessions<{ note: string }>({ namespace, redis: connection });
        const session = await sessions.sessions.create({ note: PAYLOAD }, { userId: `user-${PAYLOAD}` });
        const report = async (): Promise<void> => {
          outlets.add('health', await health.check('cache'));
          outlets.add('metrics', await registry.metrics());
          outlets.add('states', engine.connectionStates());
        };
        const attempt = (calls: Calls): Promise<unknown> => Promise.all(calls.map((call) => outlets.attempt(call)));
        for (const calls of [invalidations(cache), mistakes(cache), reads(cache)]) await attempt(calls);
        await report();

        await trouble.begin(namespace);
        for (let round = 0; round < 3; round++) {
          for (const calls of [reads(cache), mistakes(cache), invalidations(cache)]) await attempt(calls);
          await outlets.attempt(() => sessions.sessions.get(session.id));
          await outlets.attempt(() => sessions.sessions.update(session, { note: `${PAYLOAD} again` }));
          await outlets.attempt(() => sessions.sessions.create({ note: PAYLOAD }));
          await report();
        }
        outlets.add('error', await startRefusal({ namespace, connection, strictStart: true, startTimeout: 300 }));
        await trouble.end();
        await eventually(() => engine.connectionStates().every(({ isUp }) => isUp), 20_000);
        await report();

        const passwords = [PASSWORD, trouble.connection.password!];
        const keys = [...sessionKeys.keys.map((key) => key.slice('test:'.length)), sessionKeys.indexKey, session.id];
        expect(outlets.leaksOf([...SECRETS, ...passwords, ...keys])).toEqual([]);
        expect(outlets.leaksOf([KEY], /^(metrics|health|states|log|warning)$/)).toEqual([]);
        // It was not for want of anything to say.
        expect(Object.keys(outlets.counts())).toEqual(
          expect.arrayContaining(['error', 'health', 'metrics', 'event load']),
        );
        const { 'event redis-error': errors = 0, 'event breaker': changes = 0 } = outlets.counts();
        if (!['NOSCRIPT', 'WRONGTYPE'].includes(name)) expect(errors + changes).toBeGreaterThan(0);
      } finally {
        await trouble.end().catch(() => undefined);
        await module.close();
        await trouble.stop();
      }
    },
    60_000,
  );

  it('of options that are wrong, whatever they are', async () => {
    const passphrase = marker('passphrase');
    const wrong: unknown[] = [
      { connection: { url: `redis://user:${PASSWORD}@host:port` } },
      { connection: { url: `redis://127.0.0.1:1/${PASSWORD}` } },
      { connection: { host: '127.0.0.1', port: 0, password: PASSWORD, tls: { passphrase, key: passphrase } } },
      { connection: { host: '127.0.0.1', port: 1, pasword: PASSWORD } },
      { connection: { host: '127.0.0.1', port: 1, password: [PASSWORD], tls: passphrase } },
      { connection: { sentinels: [{ host: 'a', password: PASSWORD }], sentinelName: 'main' } },
      { connection: { host: '127.0.0.1', port: 1, password: PASSWORD, tls: { passphrase } }, strictStart: true },
      { connection: { host: '127.0.0.1', port: 1, credentials: () => ({ password: PASSWORD }) }, strictStart: true },
      {
        connection: {
          host: '127.0.0.1',
          port: 1,
          credentials: () => {
            throw new Error('The vault is closed.');
          },
        },
        strictStart: true,
      },
    ];
    for (const options of wrong)
      outlets.add('error', await startRefusal({ startTimeout: 200, ...(options as object) }));
    expect(outlets.counts().error).toBeGreaterThan(wrong.length);
    expect(outlets.leaksOf([PASSWORD, passphrase])).toEqual([]);
  });

  it('from what this file looks at: it finds them where they are', async () => {
    const error = new Error('outer', { cause: Object.assign(new Error('inner'), { command: { args: [PASSWORD] } }) });
    outlets.add('error', error);
    outlets.add('event', { value: Buffer.from(PAYLOAD) });
    console.warn({ nested: { deep: PASSWORD } });
    outlets.process.stderr.write(`${PASSWORD}\n`);
    outlets.process.emitWarning(PASSWORD);
    await eventually(() => outlets.counts().warning !== undefined);
    const found = outlets.leaksOf(SECRETS).map((leak) => leak.slice(0, leak.indexOf(':')));
    expect(new Set(found)).toEqual(new Set(['error', 'event', 'output warn', 'output write', 'warning']));
  });

  /** Why an application does not start. */
  async function startRefusal(options: RedisCacheModuleOptions): Promise<unknown> {
    try {
      const module = await startWith(options);
      await module.close();
      return undefined;
    } catch (error) {
      return error;
    }
  }
});
