import { InvalidOptionsError } from './errors.js';
import type { RedisCacheModuleOptions } from './redis-cache.options.js';
import { validateOptions } from './redis-cache.validation.js';

function problemsOf(options: unknown): readonly string[] {
  try {
    validateOptions(options as RedisCacheModuleOptions);
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
}

describe('the options of the module', () => {
  it('may all be left out', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ connection: undefined, namespace: undefined, l1: undefined })).toEqual([]);
  });

  it('are accepted in every documented form', () => {
    const context = (): Record<string, string> => ({ tenant: 'acme' });
    expect(
      problemsOf({
        enabled: true,
        namespace: 'shop_1',
        connection: { url: 'rediss://user:secret@redis.test:6380/2', tls: { ca: 'x' }, maxConnections: 4 },
        connections: { sessions: { host: '::1', port: 6379, db: 3, commandTimeout: '100ms' } },
        defaults: { ttl: '1h', grace: 0, tags: ['all'] },
        caches: { users: { ttl: 1000 } },
        l1: { maxEntries: 10, maxBytes: 1024 },
        maxStaleness: '750ms',
        maxTtl: '7d',
        startTimeout: 100,
        strictStart: true,
        context,
        metrics: { prometheus: false },
      }),
    ).toEqual([]);
    expect(problemsOf({ connection: false, l1: false })).toEqual([]);
    const sentinels = [{ host: 'a', port: 26379 }, { host: 'b' }];
    expect(problemsOf({ connection: { sentinels, sentinelName: 'main' } })).toEqual([]);
  });

  it('are refused all at once, each with its path, the value received and the values allowed', () => {
    const problems = problemsOf({
      enabled: 'yes',
      namespace: 'a b',
      connection: { port: 70_000, maxConnections: 0, commandTimeout: 'soon', host: '' },
      connections: { sessions: { db: -1 } },
      defaults: { ttl: 0, jitter: 2 },
      caches: { users: { grace: -1 } },
      l1: { maxEntries: 1.5 },
      maxStaleness: 749,
      strictStart: 1,
      context: {},
      metrics: { prometheus: 'on' },
    });
    const found = (path: string): string => problems.find((problem) => problem.startsWith(path)) ?? '';
    expect(problems).toHaveLength(15);
    expect(found('enabled')).toBe("enabled is 'yes'. It must be true or false.");
    expect(found('namespace')).toBe("namespace is 'a b'. It must be 1 to 64 of A-Z a-z 0-9 _ -.");
    expect(found('connection.port')).toBe('connection.port is 70000. It must be a whole number from 1 to 65535.');
    expect(found('connection.maxConnections')).toMatch(/is 0\. It must be a whole number of at least 1/);
    expect(found('connection.commandTimeout')).toMatch(/is 'soon'\. It must be a duration/);
    expect(found('connection.host')).toMatch(/is ''\./);
    expect(found('connections.sessions.db')).toMatch(/is -1\./);
    expect(found('defaults: ttl')).toMatch(/is 0\./);
    expect(found('defaults: jitter')).toMatch(/is 2\./);
    expect(found('caches.users: grace')).toMatch(/is -1\./);
    expect(found('l1.maxEntries')).toMatch(/is 1\.5\./);
    expect(found('maxStaleness')).toBe(
      'maxStaleness is 749. It must be a duration of at least 750 ms, three heartbeats of the link.',
    );
    expect(found('strictStart')).toMatch(/is 1\./);
    expect(found('context')).toMatch(/is an object\. It must be a function/);
    expect(found('metrics.prometheus')).toMatch(/is 'on'\./);
  });

  it('with unknown names are refused with the nearest known one', () => {
    expect(
      problemsOf({
        namespce: 'a',
        connection: { hots: 'a' },
        defaults: { tll: 1 },
        l1: { maxEntrys: 1 },
        metrics: { prometeus: true },
      }),
    ).toEqual([
      expect.stringMatching(/^"namespce" is unknown; did you mean "namespace"\?$/),
      'connection: "hots" is unknown; did you mean "host"?',
      'l1: "maxEntrys" is unknown; did you mean "maxEntries"?',
      'metrics: "prometeus" is unknown; did you mean "prometheus"?',
      expect.stringMatching(/^defaults: "tll" is unknown; did you mean "ttl"\?$/),
    ]);
  });

  it.each([
    [{ connection: { url: 'redis://a', host: 'b' } }, 'connection has url and host'],
    [{ connection: { url: 'redis://a', port: 1 } }, 'connection has url and port'],
    [{ connection: { sentinels: [{ host: 'a' }] } }, 'connection.sentinelName is undefined'],
    [{ connection: { sentinels: [] } }, 'connection.sentinels is an array'],
    [{ connection: { url: 'http://a' } }, 'connection: url: begins with another scheme'],
    [{ connections: { default: {} } }, 'connections is an object'],
    [{ connections: { 'a b': {} } }, 'connections is an object'],
    [{ connections: [] }, 'connections is an array'],
    [{ caches: { users: '1h' } }, 'caches is an object'],
    [{ maxTtl: '1h', defaults: { ttl: '2h' } }, 'defaults: ttl is 7200000 ms'],
    [{ l1: 1 }, 'l1 is 1'],
    [null, 'They are null'],
  ])('%j is refused', (options, beginning) => {
    const problems = problemsOf(options);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(beginning);
  });

  it('never show a secret', () => {
    const secret = 'hunter2';
    const options = [
      { connection: { password: [secret], username: { secret }, tls: secret, sentinelPassword: 1, port: 0 } },
      { connection: { url: `http://user:${secret}@host` } },
      { connection: { url: `user:${secret}@host:6379` } },
      { connection: { url: `redis://user:${secret}@host/x`, port: 0 } },
      { connection: `redis://:${secret}@host` },
      { connections: { sessions: `redis://:${secret}@host` } },
      { connections: `redis://:${secret}@host` },
      { namespace: { password: secret }, pasword: secret, metrics: [secret] },
    ];
    for (const each of options) {
      const text = problemsOf(each).join('\n');
      expect(text).not.toBe('');
      expect(text).not.toContain(secret);
    }
  });
});
