import type { CachedRoute } from './cached-routes.js';
import type { HttpCacheOptions } from './http-cache.decorator.js';
import { CREDENTIAL_HEADERS, type HttpRequest } from './http-message.js';
import { audienceOf, responseKey } from './response-key.js';

function routeOf(options: HttpCacheOptions<unknown> = {}): CachedRoute {
  return {
    name: 'Items.list',
    version: '1',
    options,
    isOutermost: true,
    mayMeetTwice: false,
    isPrivate: typeof options.scope === 'function',
    isByResponse: options.scope === 'response',
    vary: options.vary ?? [],
    storedHeaders: [],
    cacheControl: '',
    maxBodyBytes: 0,
    hasUnsafe: false,
    keepMs: 0,
    ttlMs: undefined,
    isExplicitOnly: false,
    isHeuristic: false,
    whileRevalidateMs: 0,
    ifErrorMs: 0,
  };
}

const base: HttpRequest & { user?: unknown } = {
  headers: { accept: 'a' },
  protocol: 'https',
  host: 'shop.example',
  hosts: {},
  params: { id: '1' },
  query: { page: '1' },
};
const route = routeOf({ vary: ['accept'] });
const keyOf = (request: HttpRequest, of = route, path = '/items/:id', audience: string | string[] = 'anonymous') =>
  responseKey(of, path, request, audience);

describe('the key of a response', () => {
  it('is the same for the same request, in whatever order it was parsed', () => {
    expect(keyOf({ ...base, query: { b: '2', a: '1' } })).toBe(keyOf({ ...base, query: { a: '1', b: '2' } }));
  });

  it('is the same again after requests to other places', () => {
    const places = [
      base,
      { ...base, host: 'other.example' },
      { ...base, protocol: 'http' },
      { ...base, headers: { ...base.headers, host: 'inner.example' } },
    ];
    const keys = places.map((request) => keyOf(request));
    expect(places.map((request) => keyOf(request))).toEqual(keys);
    expect(places.map((request) => keyOf(request, { ...route }))).toEqual(keys);
    expect(new Set(keys).size).toBe(places.length);
  });

  it('is the same for the same request after ever so many others', () => {
    const keys = [keyOf(base), keyOf({ ...base, host: 'other.example' })];
    for (let id = 0; id < 10_001; id++) keyOf({ ...base, host: `${id}.example`, params: { id: String(id) } });
    expect([keyOf(base), keyOf({ ...base, host: 'other.example' })]).toEqual(keys);
  });

  it('differs by everything a handler may look at', () => {
    const keys = [
      keyOf(base),
      keyOf({ ...base, protocol: 'http' }),
      keyOf({ ...base, host: 'other.example' }),
      keyOf({ ...base, host: 'shop.example:8080' }),
      keyOf({ ...base, headers: { ...base.headers, host: 'shop.example:8080' } }),
      keyOf({ ...base, hosts: { account: 'a' } }),
      keyOf({ ...base, params: { id: '2' } }),
      keyOf({ ...base, params: { id: ['1'] } }),
      keyOf({ ...base, query: { page: ['1'] } }),
      keyOf({ ...base, query: { page: '1', debug: '' } }),
      keyOf({ ...base, headers: { accept: 'b' } }),
      keyOf({ ...base, headers: {} }),
      keyOf(base, { ...route, version: '2' }),
      keyOf(base, { ...route, name: 'Items.find' }),
      keyOf(base, route, '/things/:id'),
      keyOf(base, route, '/items/:id', 'public'),
      keyOf(base, route, '/items/:id', ['principal', 'anonymous']),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('holds the listed query parameters only', () => {
    const listed = routeOf({ query: ['page'] });
    expect(keyOf({ ...base, query: { page: '1', utm: 'x' } }, listed)).toBe(keyOf(base, listed));
    expect(keyOf({ ...base, query: { page: '2' } }, listed)).not.toBe(keyOf(base, listed));
    expect(keyOf({ ...base, query: {} }, listed)).not.toBe(keyOf({ ...base, query: { page: '' } }, listed));
  });
});

describe('the audience of a response', () => {
  const of = (options: HttpCacheOptions<unknown>, request: object = base) =>
    audienceOf(routeOf(options), request as HttpRequest, CREDENTIAL_HEADERS);

  it.each(CREDENTIAL_HEADERS)('is nobody else when a request has %s', (name) => {
    expect(of({}, { headers: { [name]: 'x' } })).toBeUndefined();
    expect(of({ scope: 'public' }, { headers: { [name]: 'x' } })).toBe('public');
  });

  it('is nobody else when a guard recognised somebody', () => {
    expect(of({}, { headers: {}, user: { id: 1 } })).toBeUndefined();
    expect(of({}, { headers: {}, user: undefined })).toBe('anonymous');
  });

  it.each([undefined, null, '', Number.NaN, [], ['acme', undefined], ['acme', '']])(
    'is nobody else when the principal is %j',
    (principal) => {
      expect(of({ scope: () => principal as string })).toBeUndefined();
    },
  );

  it.each(['alice', 0, 7n, ['acme', 1]])('is the principal %s', (principal) => {
    expect(of({ scope: () => principal })).toEqual(['principal', principal]);
  });
});
