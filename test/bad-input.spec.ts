import { inspect } from 'node:util';
import { RedisCacheModule } from 'nestjs-rcache';
import { presetTtl } from 'nestjs-rcache/config';
import { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import { CacheHandle, type CacheDefinition, defineCache } from '../libs/redis-cache/src/cache/definition.js';
import { ENTRY_OPTION_NAMES } from '../libs/redis-cache/src/cache/policy.js';
import { InvalidArgumentError, InvalidOptionsError, RedisCacheError } from '../libs/redis-cache/src/errors.js';
import { RedisConnection } from '../libs/redis-cache/src/redis/redis-connection.js';
import { optionsFromEnvironment } from '../libs/redis-cache/src/redis-cache.config.js';
import { getCacheToken, getRedisToken } from '../libs/redis-cache/src/redis-cache.injection.js';
import {
  AlertsRules,
  ConnectionRules,
  HttpRules,
  LogRules,
  MemoryRules,
  TracingRules,
  MetricsRules,
  OptionRules,
} from '../libs/redis-cache/src/redis-cache.rules.js';
import { validateOptions } from '../libs/redis-cache/src/redis-cache.validation.js';
import { endOfDay } from '../libs/redis-cache/src/time.js';
import { othersThan, VALUES } from './support/bad-values.js';
import { startEngine } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

/** Bad values of one argument, and what the message has to say. */
interface Wrong {
  values: readonly (readonly [name: string, value: unknown])[];
  message: RegExp;
  error?: new (...args: never[]) => Error;
}

/** The error of a call that must answer with a promise and reject it. */
async function rejectionOf(call: () => Promise<unknown>): Promise<unknown> {
  let answer: Promise<unknown>;
  try {
    answer = call();
  } catch (error) {
    throw new Error('It threw instead of rejecting.', { cause: error });
  }
  return answer.then(
    (value) => {
      throw new Error(`It was accepted and answered ${String(value)}.`);
    },
    (error: unknown) => error,
  );
}

/** The error of a call that must throw at once. */
function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('It was accepted.');
}

/** One sentence per value that was not refused as it should be. */
async function slips(wrong: Wrong, refuse: (value: unknown) => unknown): Promise<string[]> {
  const { error: ErrorClass = InvalidArgumentError, message } = wrong;
  const found: string[] = [];
  for (const [name, value] of wrong.values) {
    try {
      const error = await refuse(value);
      if (!(error instanceof ErrorClass)) found.push(`${name}: ${String(error)}`);
      else if (!message.test(error.message)) found.push(`${name}: the message is "${error.message}"`);
    } catch (error) {
      found.push(`${name}: ${(error as Error).message}`);
    }
  }
  return found;
}

const GOOD_TEXT = [
  'blank',
  'text',
  'a number as text',
  'a negative number as text',
  'a duration',
  'a long duration',
  'the name __proto__',
];

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
const BAD_KEYS: Wrong = {
  values: [
    ...othersThan([...GOOD_TEXT, 'a list of text', 'a list of undefined']),
    ['a part of half a surrogate pair', ['\udfff']],
    ['a part that is a function', [() => 1]],
    ['a part that is a symbol', [Symbol('s')]],
    ['a part that is an invalid date', [new Date(NaN)]],
    ['a part that is an instance', [new URL('http://a')]],
    ['a part with an operator', [{ age: { [Symbol('gt')]: 5 } }]],
    ['a part that is nested too deep', [deep(40)]],
  ],
  message: /key[^]*(not empty|at least one part|half of a surrogate|Use text)|half of a surrogate/,
};
const BAD_LISTS_OF_KEYS: Wrong = {
  values: [
    ...othersThan(['an empty list', 'a list of text', 'a list of undefined', 'proxy']),
    ...BAD_KEYS.values.map(([name, value]) => [`a good key and ${name}`, ['good', value]] as const),
  ],
  message: /keys? .*(array of keys|not empty|at least one part|Use text)|half of a surrogate/,
};
const BAD_LISTS_OF_TAGS: Wrong = {
  values: [
    ...othersThan(['an empty list', 'a list of text', 'proxy']),
    ...othersThan(GOOD_TEXT).map(([name, value]) => [`a good tag and ${name}`, ['good', value]] as const),
    ['a tag twice', ['a', 'a']],
    ['65 tags', Array.from({ length: 65 }, (_, index) => `tag-${index}`)],
  ],
  message: /tag[^]*(array of strings|not empty|once|at most 64|surrogate)/,
};
const BAD_PATTERNS: Wrong = {
  values: othersThan(GOOD_TEXT),
  message: /pattern[^]*(is text such as|surrogate)/,
};
const BAD_FUNCTIONS = (name: string): Wrong => ({
  values: othersThan(['function', 'class']),
  message: new RegExp(`The ${name} of .* It must be a function`),
});
const BAD_OPTIONS: Wrong = {
  values: [
    ...othersThan(['undefined', 'an empty object']),
    ['a wrong option', { ttl: 0 }],
    ['an unknown option', { tll: 1 }],
  ],
  message: /options:[^]*(must be an object|is unknown; (did you mean|allowed are)|It must be)/,
  error: InvalidOptionsError,
};
const BAD_INVALIDATE_OPTIONS: Wrong = {
  values: [
    ...othersThan(['undefined', 'an empty object']),
    ...othersThan(['undefined', 'true', 'false']).map(([name, strict]) => [`strict: ${name}`, { strict }] as const),
    ['a misspelt option', { stirct: true }],
  ],
  message: /Invalidation options:[^]*(must be an object|did you mean "strict"|allowed are strict|Allowed: true, false)/,
  error: InvalidOptionsError,
};
const BAD_ENTRIES: Wrong = {
  values: [
    ...othersThan(['an empty list', 'map', 'set', 'proxy', 'bytes']),
    ['a list of keys', ['a', 'b']],
    ['a list of a pair and a key', [['a', 1], ['b']]],
    ...BAD_KEYS.values.map(
      ([name, value]) =>
        [
          `a good key and ${name}`,
          [
            ['good', 1],
            [value, 1],
          ],
        ] as const,
    ),
  ],
  message: /entries is .* It must be a Map, or a list|key .*(not empty|at least one part|Use text)|half of a surrogate/,
};
const BAD_WARM_OPTIONS: Wrong = {
  values: [
    ...BAD_OPTIONS.values,
    ...othersThan(['undefined', '1', '2 ** 53']).map(
      ([name, value]) => [`concurrency: ${name}`, { concurrency: value }] as const,
    ),
  ],
  message: /options:[^]*(must be an object|is unknown|It must be)|concurrency is .* whole number of at least 1/,
  error: RedisCacheError,
};

const load = () => 1;
const loadMany = () => new Map();

/** Every method of CacheService: how it is called well, and what its arguments must not be. */
const METHODS: Record<string, { args: readonly unknown[]; wrong: readonly (Wrong | undefined)[] }> = {
  get: { args: ['good'], wrong: [BAD_KEYS, BAD_OPTIONS] },
  lookup: { args: ['good'], wrong: [BAD_KEYS, BAD_OPTIONS] },
  getOrSet: { args: ['good', load], wrong: [BAD_KEYS, BAD_FUNCTIONS('loader'), BAD_OPTIONS] },
  resolve: { args: ['good', load], wrong: [BAD_KEYS, BAD_FUNCTIONS('loader'), BAD_OPTIONS] },
  set: { args: ['good', 1], wrong: [BAD_KEYS, undefined, BAD_OPTIONS] },
  put: { args: ['good', load], wrong: [BAD_KEYS, BAD_FUNCTIONS('write'), BAD_OPTIONS] },
  getMany: { args: [['good']], wrong: [BAD_LISTS_OF_KEYS, BAD_OPTIONS] },
  setMany: { args: [[['good', 1]]], wrong: [BAD_ENTRIES, BAD_OPTIONS] },
  getOrSetMany: { args: [['good'], loadMany], wrong: [BAD_LISTS_OF_KEYS, BAD_FUNCTIONS('loader'), BAD_OPTIONS] },
  inspect: { args: ['good'], wrong: [BAD_KEYS] },
  has: { args: ['good'], wrong: [BAD_KEYS] },
  ttl: { args: ['good'], wrong: [BAD_KEYS] },
  delete: { args: ['good'], wrong: [BAD_KEYS, BAD_INVALIDATE_OPTIONS] },
  deleteMany: { args: [['good']], wrong: [BAD_LISTS_OF_KEYS, BAD_INVALIDATE_OPTIONS] },
  expire: { args: ['good'], wrong: [BAD_KEYS, BAD_INVALIDATE_OPTIONS] },
  invalidateTags: { args: [['good']], wrong: [BAD_LISTS_OF_TAGS, BAD_INVALIDATE_OPTIONS] },
  invalidatePattern: { args: ['good'], wrong: [BAD_PATTERNS, BAD_INVALIDATE_OPTIONS] },
  clear: { args: [], wrong: [BAD_INVALIDATE_OPTIONS] },
  clearNamespace: { args: [], wrong: [BAD_INVALIDATE_OPTIONS] },
  warm: { args: [['good'], load], wrong: [BAD_LISTS_OF_KEYS, BAD_FUNCTIONS('loader'), BAD_WARM_OPTIONS] },
  deferEvictions: { args: [async () => 1], wrong: [BAD_FUNCTIONS('work')] },
};

describe('a wrong argument of a method of CacheService', () => {
  const methodsOf = (prototype: object): string[] =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype))
      .filter(
        ([name, { value }]) =>
          typeof value === 'function' && !['constructor', 'storedKey', 'storedPattern', 'peek'].includes(name),
      )
      .map(([name]) => name);

  it('is looked for in every method there is', () => {
    expect(methodsOf(CacheService.prototype).sort()).toEqual(Object.keys(METHODS).sort());
  });

  it.each(Object.entries(METHODS))(
    '%s: is refused before anything is read, loaded or written',
    async (name, method) => {
      const namespace = uniqueNamespace();
      const engine = await startEngine({ namespace });
      await eventually(() => engine.connectionStates().every(({ link }) => link === 'trusted'));
      const watched = watchCommands(namespace);
      let loads = 0;
      const counted = (argument: unknown): unknown =>
        typeof argument === 'function' ? () => ((loads += 1), argument as () => unknown)() : argument;
      const found: string[] = [];
      for (const [index, wrong] of method.wrong.entries()) {
        if (wrong === undefined) continue;
        const problems = await slips(wrong, (value) => {
          const args = method.args.map(counted);
          args[index] = value;
          // A missing argument in between is undefined too.
          const cache = engine.defaultCache as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
          return rejectionOf(() => cache[name]!(...Array.from(args)));
        });
        found.push(...problems.map((problem) => `argument ${index}: ${problem}`));
      }
      expect(found).toEqual([]);
      expect(loads).toBe(0);
      expect(watched.commands()).toEqual([]);
    },
  );

  it('peek: is thrown, for it has no promise to reject', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    expect(await slips(BAD_KEYS, (value) => errorOf(() => cache.peek(value as never)))).toEqual([]);
  });

  it('is refused when memory has the answer, too', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    await cache.set('good', 1);
    for (const options of [null, 5, 'text', true]) {
      await expect(cache.getOrSet('good', load, options as never)).rejects.toThrow('must be an object');
      await expect(cache.get('good', options as never)).rejects.toThrow('must be an object');
    }
    await expect(cache.getOrSet('good', 5 as never)).rejects.toThrow('It must be a function');
  });

  it('of warm is not loaded one by one: a huge concurrency is no more than there are keys', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    expect(await cache.warm(['a', 'b'], load, { concurrency: 1e9 })).toEqual({ loaded: 2, present: 0, failed: 0 });
  });

  it('of a handle is refused like that of its cache', async () => {
    const engine = await startEngine({ connection: false });
    const definition = defineCache({ name: 'things', key: (key: string) => key, tags: () => ['t'] });
    const handle = engine.cache(definition).for('good') as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    const wrongOf = (name: string): readonly (Wrong | undefined)[] => METHODS[name]!.wrong.slice(1);
    for (const name of methodsOf(CacheHandle.prototype)) {
      for (const [index, wrong] of wrongOf(name).entries()) {
        if (wrong === undefined) continue;
        const args = METHODS[name]!.args.slice(1);
        const found = await slips(wrong, (value) => {
          args[index] = value;
          return rejectionOf(() => handle[name]!(...Array.from(args)));
        });
        expect({ name, index, found }).toEqual({ name, index, found: [] });
      }
    }
    const bad = engine.cache(definition).for(undefined as never);
    await expect(bad.get()).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('what functions of options return', () => {
  const listOf = /is 'user:1'\. It must be an array of strings/;

  it('is a list of tags, never the characters of one', async () => {
    const engine = await startEngine({ connection: false });
    const cache = engine.defaultCache;
    const text = (() => 'user:1') as never;
    await expect(cache.getOrSet('k', load, { tags: text })).rejects.toThrow(listOf);
    await expect(cache.set('k', 1, { tags: text })).rejects.toThrow(listOf);
    await expect(cache.put('k', async () => 1, { tags: text })).rejects.toThrow(listOf);
    await expect(cache.getOrSet('k', ({ setTags }) => setTags('user:1' as never))).rejects.toThrow(listOf);
    const tags = defineCache({ name: 'tags', key: () => 'k', tags: text, tagsOf: () => [] });
    expect(() => engine.cache(tags).optionsFor([])).toThrow(listOf);
    const tagsOf = defineCache({ name: 'tagsOf', key: () => 'k', tagsOf: text });
    await expect(engine.cache(tagsOf).for().getOrSet(load)).rejects.toThrow(listOf);
    expect(await cache.has('k')).toBe(false);
  });

  it('is nothing that only looks like a list', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    const found = await slips(
      {
        values: othersThan(['an empty list', 'a list of text', 'proxy']),
        message: /tags?[^]*(array of strings|not empty)/,
      },
      (value) => rejectionOf(() => cache.getOrSet('k', load, { tags: () => value as never })),
    );
    expect(found).toEqual([]);
  });

  it('never reaches an error message: a loader of many keys says what its result is, and not what is in it', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    const error = await rejectionOf(() => cache.getOrSetMany(['k'], () => ['hunter2'] as never));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as Error).message).toMatch(/returned an array\. It must return a Map/);
    expect((error as Error).message).not.toContain('hunter2');
  });
});

/** Which of VALUES each entry option accepts; all others are refused, wherever the option is said. */
const DURATIONS = ['1', '1.5', 'a number as text', 'a duration'];
const ENTRY_OPTIONS: Record<string, readonly string[]> = {
  ttl: [...DURATIONS, 'a long duration', 'a date to come', 'function', 'class'],
  grace: [...DURATIONS, '0', 'a long duration'],
  refresh: ['function', 'class'],
  softTimeout: DURATIONS,
  hardTimeout: DURATIONS,
  negativeTtl: [...DURATIONS, 'a long duration', 'false'],
  jitter: ['0'],
  earlyRefresh: ['true', 'false', '1', '1.5', '2 ** 53'],
  tags: ['an empty list', 'a list of text', 'function', 'class', 'proxy'],
  l1: ['true', 'false'],
  codec: [],
  compress: ['false'],
  maxValueBytes: ['1', '2 ** 53'],
  values: [],
  sensitive: ['true', 'false', 'an empty object'],
};

const MUST =
  /must (be|have)|Allowed|beyond the .* of maxTtl|not in the future|is text|not empty|half of a surrogate|is unknown/;

describe('a wrong entry option', () => {
  it('is looked for among all there are', () => {
    expect(Object.keys(ENTRY_OPTIONS).sort()).toEqual([...ENTRY_OPTION_NAMES].sort());
  });

  const doors: Record<string, (options: object) => unknown> = {
    defineCache: (options) => errorOf(() => defineCache({ name: 'things', key: () => 'k', ...options })),
    'defaults of the module': (options) => errorOf(() => validateOptions({ defaults: options })),
    'caches of the module': (options) => errorOf(() => validateOptions({ caches: { things: options } })),
  };

  describe.each(Object.entries(ENTRY_OPTIONS))('%s', (option, accepted) => {
    // The tags of a definition are a function of its arguments.
    const acceptedBy = (door: string): readonly string[] =>
      option === 'tags' && door === 'defineCache' ? ['function', 'class'] : accepted;

    it.each(Object.entries(doors))('is refused by %s, by its name and with what is allowed', async (door, refuse) => {
      const values = othersThan(['undefined', ...acceptedBy(door)]);
      const found = await slips(
        {
          values,
          message: new RegExp(`${option}\\b[^]*(${MUST.source})|tag[^]*(${MUST.source})`),
          error: InvalidOptionsError,
        },
        (value) => refuse({ [option]: value }),
      );
      expect(found).toEqual([]);
    });

    it('is refused by a call, and nothing is loaded', async () => {
      const { defaultCache: cache } = await startEngine({ connection: false });
      let loads = 0;
      const values = othersThan(['undefined', ...accepted]);
      const found = await slips({ values, message: MUST, error: InvalidOptionsError }, (value) =>
        rejectionOf(() => cache.getOrSet('k', () => (loads += 1), { [option]: value })),
      );
      expect({ found, loads }).toEqual({ found: [], loads: 0 });
    });

    it('is not, when it is a right one', async () => {
      for (const name of ['undefined', ...accepted]) {
        expect(() => validateOptions({ defaults: { [option]: VALUES[name] } })).not.toThrow();
      }
    });
  });
});

describe('a wrong definition', () => {
  const good: CacheDefinition<[], unknown> = { name: 'things', key: () => 'k' };
  const NAMES = GOOD_TEXT.filter((name) => name !== 'blank');
  const OWN: Record<string, readonly string[]> = {
    name: NAMES,
    version: ['undefined', '0', '1', '2 ** 53'],
    connection: ['undefined', ...NAMES],
    key: ['function', 'class'],
    tags: ['undefined', 'function', 'class'],
    tagsOf: ['undefined', 'function', 'class'],
    context: ['undefined', 'a list of text'],
  };

  it.each(Object.entries(OWN))('is refused for its %s', async (option, accepted) => {
    const message = new RegExp(`defineCache[^]*${option} (is .*(allowed|must be)|must be)`);
    const found = await slips({ values: othersThan(accepted), message, error: InvalidOptionsError }, (value) =>
      errorOf(() => defineCache({ ...good, [option]: value })),
    );
    expect(found).toEqual([]);
  });

  it('is refused when it is none', async () => {
    const found = await slips({ values: othersThan([]), message: /defineCache/, error: InvalidOptionsError }, (value) =>
      errorOf(() => defineCache(value as never)),
    );
    expect(found).toEqual([]);
  });

  it('may have a name that every object has', async () => {
    const engine = await startEngine({ connection: false, caches: {} });
    for (const name of ['constructor', 'toString', '__proto__']) {
      const cache = engine.cache(defineCache({ name, key: (key: string) => key }));
      await cache.set('k', name);
      expect(await cache.get('k')).toBe(name);
    }
  });

  it('is refused by forFeature, and by whoever injects it', async () => {
    const wrong = (values: Wrong['values'], message: RegExp): Wrong => ({ values, message });
    const lists = wrong(
      othersThan(['an empty list', 'a list of undefined', 'a list of text', 'proxy']),
      /array of definitions/,
    );
    expect(await slips(lists, (value) => errorOf(() => RedisCacheModule.forFeature(value as never)))).toEqual([]);
    const items = wrong(othersThan([]), /Definition 1 of forFeature is .* what defineCache returns/);
    const good = defineCache({ name: 'good', key: () => 'k' });
    expect(await slips(items, (value) => errorOf(() => RedisCacheModule.forFeature([good, value as never])))).toEqual(
      [],
    );
    const caches = wrong(othersThan(['undefined', ...NAMES]), /cache to inject is .* must be a definition/);
    expect(await slips(caches, (value) => errorOf(() => getCacheToken(value as never)))).toEqual([]);
    const connections = wrong(othersThan(['undefined', ...NAMES]), /connection to inject is .* must be the name/);
    expect(await slips(connections, (value) => errorOf(() => getRedisToken(value as never)))).toEqual([]);
  });
});

const TEXTS = GOOD_TEXT.filter((name) => name !== 'blank');
const OBJECTS = ['an empty object'];
const FUNCTIONS = ['function', 'class'];

/** Which of VALUES each option of the module accepts. */
const MODULE_OPTIONS: Record<string, Record<string, readonly string[]>> = {
  '': {
    enabled: ['true', 'false'],
    namespace: TEXTS,
    connection: ['false', ...OBJECTS],
    connections: OBJECTS,
    defaults: OBJECTS,
    caches: OBJECTS,
    l1: ['true', 'false', ...OBJECTS],
    maxStaleness: ['a duration', 'a long duration'],
    maxTtl: [...DURATIONS, 'a long duration'],
    startTimeout: DURATIONS,
    strictStart: ['true', 'false'],
    context: FUNCTIONS,
    http: OBJECTS,
    metrics: OBJECTS,
    session: [],
    alerts: ['true', 'false', ...OBJECTS],
    tracing: ['true', 'false', ...OBJECTS],
    log: OBJECTS,
  },
  connection: {
    url: [],
    host: [...TEXTS, 'half a surrogate pair'],
    port: ['1'],
    db: ['0', '1', '2 ** 53'],
    username: [...TEXTS, 'half a surrogate pair'],
    password: [...TEXTS, 'half a surrogate pair'],
    credentials: FUNCTIONS,
    tls: [
      'true',
      'false',
      'an empty object',
      'an object of unknown fields',
      'an object without a prototype',
      'an instance',
    ],
    sentinels: [],
    sentinelName: [...TEXTS, 'half a surrogate pair'],
    sentinelUsername: [...TEXTS, 'half a surrogate pair'],
    sentinelPassword: [...TEXTS, 'half a surrogate pair'],
    sentinelTls: [
      'true',
      'false',
      'an empty object',
      'an object of unknown fields',
      'an object without a prototype',
      'an instance',
    ],
    cluster: [],
    durability: [],
    maxConnections: ['1', '2 ** 53'],
    connectTimeout: DURATIONS,
    commandTimeout: DURATIONS,
    controlTimeout: DURATIONS,
    socketTimeout: DURATIONS,
  },
  l1: { maxEntries: ['1', '2 ** 53'], maxBytes: ['1', '2 ** 53'] },
  http: {
    credentialHeaders: ['an empty list', 'a list of text', 'proxy'],
    routes: [],
    unkeyedReads: [],
    requestDirectives: ['true', 'false'],
    cacheStatus: ['true', 'false'],
    cacheGroups: ['true', 'false'],
  },
  metrics: { prometheus: ['true', 'false'], server: [...DURATIONS, 'a long duration', 'false'] },
  alerts: { interval: DURATIONS },
  tracing: { keys: ['true', 'false'], roots: ['true', 'false'] },
  log: { level: [], sample: ['0', '1'], keys: ['true', 'false'] },
};

describe('a wrong option of the module', () => {
  it('is looked for among all there are', () => {
    const names = [
      OptionRules,
      ConnectionRules,
      MemoryRules,
      HttpRules,
      MetricsRules,
      AlertsRules,
      TracingRules,
      LogRules,
    ].map((Rules) => Object.keys(new Rules()).sort());
    expect(Object.values(MODULE_OPTIONS).map((options) => Object.keys(options).sort())).toEqual(names);
  });

  const all = Object.entries(MODULE_OPTIONS).flatMap(([parent, options]) =>
    Object.entries(options).map(([name, accepted]) => [parent === '' ? name : `${parent}.${name}`, accepted] as const),
  );

  it.each(all)('%s is refused at start, by its path and with what is allowed', async (path, accepted) => {
    const [first, second] = path.split('.') as [string, string | undefined];
    const withOption = (value: unknown): never =>
      (second === undefined ? { [first]: value } : { [first]: { [second]: value } }) as never;
    const message = new RegExp(`${first}\\b[^]*${second ?? ''}[^]*(must be|allowed|is unknown)`);
    const values = othersThan(['undefined', ...accepted]);
    const found = await slips({ values, message, error: InvalidOptionsError }, (value) =>
      errorOf(() => validateOptions(withOption(value))),
    );
    expect(found).toEqual([]);
    for (const name of accepted) {
      const problem = ((): unknown => {
        try {
          validateOptions(withOption(VALUES[name]));
          return undefined;
        } catch (error) {
          return (error as Error).message;
        }
      })();
      expect(problem).toBeUndefined();
    }
  });

  it('is refused where the module is imported, when there are no options at all', async () => {
    for (const method of ['forRoot', 'forRootAsync'] as const) {
      const accepted = [
        'an empty object',
        'an object without a prototype',
        'an object of unknown fields',
        'an instance',
      ];
      const wrong: Wrong = {
        values: othersThan(method === 'forRoot' ? ['undefined', ...accepted] : accepted),
        message: /RedisCacheModule\.forRoot[^]*it must be an object/,
        error: InvalidOptionsError,
      };
      expect(await slips(wrong, (value) => errorOf(() => RedisCacheModule[method](value as never)))).toEqual([]);
    }
    const wrong: Wrong = {
      values: othersThan(['undefined', 'null', 'an empty list', 'a list of text', 'a list of undefined', 'proxy']),
      message: /connectionNames? |connection to inject/,
    };
    expect(
      await slips(wrong, (value) => errorOf(() => RedisCacheModule.forRoot({ connectionNames: value as never }))),
    ).toEqual([]);
  });

  it('never shows a secret, whatever is wrong with it', () => {
    const secret = 'hunter2';
    const shapes = [secret, [secret], { secret }, new Map([[secret, secret]]), () => secret, new Error(secret)];
    const urls = [
      `${secret}://host`,
      `user:${secret}@host:6379`,
      `redis:user:${secret}@host`,
      `redis://user:1/${secret}@host`,
      `redis://user:1?${secret}@host`,
      `redis://user:1#${secret}@host`,
      `redis://user:${secret}%@host`,
      `redis://user:${secret}@host:0`,
      `redis://user:${secret}@host/one`,
      `redis://user:${secret}@host/0/${secret}`,
      `redis://user:${secret}@ho st`,
      `http://user:${secret}@host`,
    ];
    const options = [
      ...urls.flatMap((url) => [{ connection: { url } }, { connection: { host: url } }, { connection: url }]),
      ...Object.keys(new ConnectionRules()).flatMap((name) => [
        ...shapes.slice(1).map((shape) => ({ connection: { [name]: shape } })),
        { connections: { other: { [name]: [secret] } } },
        { connection: { port: 0, [name]: [secret] } },
      ]),
      ...urls.map((host) => ({ connection: { sentinelName: 'main', sentinels: [{ host }] } })),
      ...urls.map((host) => ({ connection: { cluster: [{ host }] } })),
    ];
    for (const each of options) {
      const message = ((): string => {
        try {
          validateOptions(each as never);
          return '';
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidOptionsError);
          return JSON.stringify(error) + String((error as Error).stack);
        }
      })();
      expect(message).not.toContain(secret);
    }
    for (const url of urls) expect(() => validateOptions({ connection: { url } })).toThrow(InvalidOptionsError);
    for (const host of urls) expect(() => validateOptions({ connection: { host } })).toThrow(InvalidOptionsError);
  });
});

describe('a wrong environment variable', () => {
  const read = new Set<string>();
  optionsFromEnvironment(new Proxy({}, { get: (_target, name) => void read.add(String(name)) }));
  /** Whatever is said there is right. */
  const FREE_TEXT = /_(PASSWORD|USERNAME|NAME|KEYS?)$/;
  const secret = 'hunter2';
  const TEXTS = [
    '?',
    '-1',
    '0x10',
    '1e3',
    '1.5',
    'NaN',
    'Infinity',
    'constructor',
    '__proto__',
    'null',
    '[]',
    `user:${secret}@host:1`,
    `redis://user:1/${secret}@host`,
    '\u0000',
    'a b',
  ];
  const RIGHT: Record<string, readonly string[]> = {
    CACHE_NAMESPACE: ['-1', '0x10', '1e3', 'NaN', 'Infinity', 'constructor', '__proto__', 'null'],
    CACHE_DEFAULT_TTL: ['1.5'],
    REDIS_HOST: ['?', '-1', '0x10', '1e3', '1.5', 'NaN', 'Infinity', 'constructor', '__proto__', 'null', '\u0000'],
    REDIS_SENTINELS: ['?', '-1', '0x10', '1e3', '1.5', 'NaN', 'Infinity', 'constructor', '__proto__', 'null', '\u0000'],
    REDIS_CLUSTER_NODES: [
      '?',
      '-1',
      '0x10',
      '1e3',
      '1.5',
      'NaN',
      'Infinity',
      'constructor',
      '__proto__',
      'null',
      '\u0000',
    ],
    REDIS_CONNECT_TIMEOUT: ['1.5'],
    REDIS_COMMAND_TIMEOUT: ['1.5'],
    CACHE_TTL_SHORT: ['1.5'],
    CACHE_TTL_MEDIUM: ['1.5'],
    CACHE_TTL_LONG: ['1.5'],
    CACHE_TTL_DAY: ['1.5'],
    SESSION_IDLE_TIMEOUT: ['1.5'],
    SESSION_ABSOLUTE_TIMEOUT: ['1.5'],
  };

  it.each([...read, 'CACHE_TTL_USERS'].filter((name) => !FREE_TEXT.test(name)))(
    '%s is refused by its name, with what is allowed',
    async (name) => {
      const right = RIGHT[name] ?? (name === 'CACHE_TTL_USERS' ? ['1.5'] : []);
      const base = name === 'REDIS_SENTINELS' ? { REDIS_SENTINEL_NAME: 'main' } : {};
      const values = TEXTS.filter((text) => !right.includes(text) && text !== '\u0000').map(
        (text) => [text, text] as const,
      );
      const message = new RegExp(`${name} .*(must be|allowed|write / \\? and #)`);
      const found = await slips({ values, message, error: InvalidOptionsError }, (text) => {
        const error = errorOf(() => optionsFromEnvironment({ ...base, [name]: text as string }));
        expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(secret);
        return error;
      });
      expect(found).toEqual([]);
      for (const text of right) validateOptions(optionsFromEnvironment({ ...base, [name]: text }));
    },
  );

  it.each(['REDIS_CONNECT_TIMEOUT', 'REDIS_COMMAND_TIMEOUT'])('%s is refused beyond a day', (name) => {
    expect(() => optionsFromEnvironment({ [name]: '2d' })).toThrow(
      `${name} is '2d'. It must be a duration of at least 1 ms and at most one day`,
    );
  });

  it.each(['REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'])('%s is refused with port 0, or with a URL', (name) => {
    for (const text of ['a:0', 'redis://a', 'a:1,', ',', '[::1', '[a]:1']) {
      expect(() => optionsFromEnvironment({ [name]: text, REDIS_SENTINEL_NAME: 'main' })).toThrow(`${name} is `);
    }
  });

  it('CACHE_TTL_… is refused when no cache can have that name, and pollutes nothing', () => {
    for (const name of ['CACHE_TTL_', 'CACHE_TTL_A B', 'CACHE_TTL_ä']) {
      expect(() => optionsFromEnvironment({ [name]: '5m' })).toThrow(`${name} names no cache`);
    }
    const { caches } = optionsFromEnvironment({ CACHE_TTL___PROTO__: '5m' });
    expect(Object.getPrototypeOf(caches)).toBe(Object.prototype);
    expect(Object.hasOwn(caches!, '__proto__')).toBe(true);
  });

  it('of a preset is refused when it is needed, and an unknown preset at once', async () => {
    const unknown = await slips(
      { values: othersThan([]), message: /preset of presetTtl is .* Allowed: short, medium, long, day/ },
      (value) => errorOf(() => presetTtl(value as never)),
    );
    expect(unknown).toEqual([]);
    const ttl = presetTtl('long');
    process.env.CACHE_TTL_LONG = 'soon';
    try {
      expect(() => ttl()).toThrow(/CACHE_TTL_LONG is 'soon'\. It must be a duration/);
    } finally {
      delete process.env.CACHE_TTL_LONG;
    }
  });
});

describe('wrong arguments of endOfDay', () => {
  it('are refused at once', async () => {
    const zones: Wrong = { values: othersThan([]), message: /time zone .* Use an IANA name/ };
    expect(await slips(zones, (value) => errorOf(() => endOfDay(value as never)))).toEqual([]);
    const clocks: Wrong = {
      values: othersThan(['undefined', 'function', 'class']),
      message: /wallClockMs is .* function/,
    };
    expect(await slips(clocks, (value) => errorOf(() => endOfDay('UTC', value as never)))).toEqual([]);
  });
});

/** What Redis is asked about a namespace from now on, but for what the link asks by itself. */
function watchCommands(namespace: string): { commands: () => string[] } {
  const spies = [
    jest.spyOn(RedisConnection.prototype, 'get'),
    jest.spyOn(RedisConnection.prototype, 'run'),
    jest.spyOn(RedisConnection.prototype, 'scan'),
  ];
  return {
    commands: () => {
      const asked = spies.flatMap((spy) => spy.mock.calls.map((call) => inspect(call)));
      for (const spy of spies) spy.mockRestore();
      return asked.filter((call) => call.includes(namespace));
    },
  };
}
