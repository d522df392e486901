import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidOptionsError } from './errors.js';
import { optionsFromEnvironment, presetTtl } from './redis-cache.config.js';
import { validateOptions } from './redis-cache.validation.js';

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    optionsFromEnvironment(environment);
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
}

describe('the options from the environment', () => {
  it('are the defaults when nothing is set, or what is set is empty', () => {
    const options = optionsFromEnvironment({ REDIS_PASSWORD: '', CACHE_ENABLED: ' ', CACHE_TTL_USERS: '' });
    expect(JSON.parse(JSON.stringify(options))).toEqual({ connection: {}, caches: {} });
    validateOptions(options);
  });

  it('hold what every variable says', () => {
    const options = optionsFromEnvironment({
      REDIS_HOST: 'redis.test',
      REDIS_PORT: '6380',
      REDIS_DB: '2',
      REDIS_USERNAME: 'app',
      REDIS_PASSWORD: 'hunter2',
      REDIS_TLS: 'true',
      REDIS_MAX_CONNECTIONS: '4',
      REDIS_CONNECT_TIMEOUT: '2s',
      REDIS_COMMAND_TIMEOUT: '100',
      CACHE_ENABLED: 'false',
      CACHE_NAMESPACE: 'shop',
      CACHE_DEFAULT_TTL: '10m',
      CACHE_MAX_STALENESS: '1s',
    });
    expect(options).toMatchObject({
      enabled: false,
      namespace: 'shop',
      maxStaleness: '1s',
      defaults: { ttl: '10m' },
      connection: {
        host: 'redis.test',
        port: 6380,
        db: 2,
        username: 'app',
        password: 'hunter2',
        tls: true,
        maxConnections: 4,
        connectTimeout: '2s',
        commandTimeout: '100',
      },
    });
    validateOptions(options);
  });

  it('name sentinels and cluster nodes as lists', () => {
    expect(
      optionsFromEnvironment({ REDIS_SENTINELS: 'a:26379, [::1]:26380,b', REDIS_SENTINEL_NAME: 'main' }).connection,
    ).toMatchObject({
      sentinels: [{ host: 'a', port: 26379 }, { host: '::1', port: 26380 }, { host: 'b' }],
      sentinelName: 'main',
    });
    expect(optionsFromEnvironment({ REDIS_CLUSTER_NODES: 'a:7000,b:7001' }).connection).toMatchObject({
      cluster: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
      ],
    });
  });

  it('keep values in memory only with REDIS_URL=memory', () => {
    expect(optionsFromEnvironment({ REDIS_URL: 'memory' }).connection).toBe(false);
  });

  it('give a ttl to a cache however it spells its name', () => {
    const { caches } = optionsFromEnvironment({ CACHE_TTL_USER_PROFILES: '2h', CACHE_TTL_rules: '1m' });
    expect(caches).toEqual({
      user_profiles: { ttl: '2h' },
      'user-profiles': { ttl: '2h' },
      userProfiles: { ttl: '2h' },
      UserProfiles: { ttl: '2h' },
      rules: { ttl: '1m' },
      Rules: { ttl: '1m' },
    });
  });

  it('know presets by name, which the environment may change', () => {
    const presets = { CACHE_TTL_MEDIUM: '20m', CACHE_DEFAULT_TTL: 'medium', CACHE_TTL_RULES: 'day' };
    const { defaults, caches } = optionsFromEnvironment(presets);
    expect(defaults).toEqual({ ttl: '20m' });
    expect(caches).toEqual({ rules: { ttl: '1d' }, Rules: { ttl: '1d' } });
  });

  it('are refused all at once, each variable with its value and what is allowed', () => {
    expect(
      problemsOf({
        REDIS_PORT: '6379x',
        REDIS_TLS: 'yes',
        REDIS_SENTINELS: 'a:99999',
        CACHE_ENABLED: 'on',
        CACHE_NAMESPACE: 'a b',
        CACHE_DEFAULT_TTL: 'mediun',
        CACHE_TTL_USERS: '0',
        CACHE_TTL_SHORT: 'short',
        CACHE_MAX_STALENESS: '500ms',
      }),
    ).toEqual([
      expect.stringMatching(/^CACHE_TTL_SHORT is 'short'\. It must be a duration/),
      expect.stringMatching(/^CACHE_DEFAULT_TTL is 'mediun'\. .*or one of short, medium, long, day\.$/),
      expect.stringMatching(/^CACHE_TTL_USERS is '0'\./),
      "CACHE_ENABLED is 'on'. It must be true or false (or 1 or 0).",
      expect.stringMatching(/^CACHE_NAMESPACE is 'a b'\./),
      expect.stringMatching(/^CACHE_MAX_STALENESS is '500ms'\. It must be a duration of at least 750 ms/),
      "REDIS_SENTINELS is 'a:99999'. It must be host:port,host:port.",
      "REDIS_PORT is '6379x'. It must be a whole number from 1 to 65535.",
      expect.stringMatching(/^REDIS_TLS is 'yes'\./),
    ]);
  });

  it('are refused when they exclude each other or need another', () => {
    expect(problemsOf({ REDIS_URL: 'redis://a', REDIS_HOST: 'b' })).toEqual([
      'REDIS_URL and REDIS_HOST are set. Keep one of them.',
    ]);
    expect(problemsOf({ REDIS_URL: 'redis://a', REDIS_PORT: '1' })).toEqual([
      'REDIS_URL and REDIS_PORT are set. Keep one of them.',
    ]);
    expect(problemsOf({ REDIS_SENTINELS: 'a' })).toEqual([expect.stringMatching(/^REDIS_SENTINEL_NAME is not set/)]);
  });

  it('never show a secret', () => {
    const [problem] = problemsOf({ REDIS_URL: 'user:hunter2@host:6379' });
    expect(problem).toMatch(/^REDIS_URL .*allowed.*, or memory\.$/);
    expect(problem).not.toContain('hunter2');
  });
});

describe('presetTtl', () => {
  afterEach(() => {
    delete process.env.CACHE_TTL_LONG;
  });

  it('is what the environment says when the ttl is needed', () => {
    const ttl = presetTtl('long');
    expect(ttl()).toBe('1h');
    process.env.CACHE_TTL_LONG = '3h';
    expect(ttl()).toBe('3h');
  });
});

describe('.env.example', () => {
  it('documents every variable that is read, and no other', () => {
    const read = new Set<string>();
    const get = (_target: object, name: string | symbol): undefined => {
      read.add(String(name));
    };
    optionsFromEnvironment(new Proxy({}, { get }));
    const example = readFileSync(resolve(__dirname, '../../../.env.example'), 'utf8');
    const documented = [...example.matchAll(/^((?:REDIS|CACHE|SESSION)_[A-Z_]+)=/gm)].map(([, name]) => name);
    // The first stands for any cache, the second is the reference app's own.
    const others = ['CACHE_TTL_USERS', 'SESSION_REDIS_URL'];
    expect(documented.filter((name) => !others.includes(String(name))).sort()).toEqual([...read].sort());
  });
});
