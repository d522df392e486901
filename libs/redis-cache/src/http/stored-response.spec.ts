import { StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { isPlain, toPayload, toValue } from './response-body.js';
import {
  type Answer,
  lostHeaders,
  type Storable,
  STORED_HEADERS,
  type StoragePolicy,
  toStored,
} from './stored-response.js';

const shared: StoragePolicy = {
  storedHeaders: [...STORED_HEADERS, 'x-total'],
  vary: ['accept-encoding'],
  isPrivate: false,
  isByResponse: false,
  keepMs: 0,
  ttlMs: undefined,
  isExplicitOnly: false,
  isHeuristic: false,
  whileRevalidateMs: 0,
  ifErrorMs: 0,
};
const speaking = { isByResponse: true, isExplicitOnly: true, storedHeaders: 'all', vary: [] } as const;
const asked = { hasCredentials: false, salt: '', nowMs: Date.UTC(2026, 0, 1) };
const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT';

function answer(changes: Partial<Answer> = {}): Answer {
  return { isSent: false, status: 200, before: {}, headers: {}, value: { id: 1 }, ...changes };
}

function stored(changes: Partial<Answer>, policy: Partial<StoragePolicy> = {}, salt = ''): Storable | undefined {
  return toStored(answer(changes), { ...shared, ...policy }, { ...asked, salt });
}

describe('a stored response', () => {
  it('keeps the listed headers that the handler set, and nothing that middleware sets each time', () => {
    const before = { vary: 'Origin', 'x-total': '1' };
    const headers = { ...before, 'x-total': '2', link: ['<a>', '<b>'], 'x-other': 'lost', 'content-length': 3 };
    const { etag: _etag, ...kept } = stored({ before, headers })!.response.headers;
    expect(kept).toEqual({ 'x-total': '2', link: '<a>, <b>', date: DATE });
    expect(lostHeaders(answer({ before, headers }), shared)).toEqual(['x-other']);
  });

  it.each([
    { isSent: true },
    { unkeyed: new Set(['headers.cookie']) },
    { status: 206 },
    { status: 302 },
    { status: 500 },
    { headers: { 'set-cookie': 'a=b' } },
    { headers: { 'cache-control': 'max-age=60, NO-STORE' } },
    { headers: { 'cache-control': 'no-cache' } },
    { headers: { 'cache-control': 'max-age=0' } },
    { headers: { 'cache-control': 'Private' } },
    { headers: { expires: '0' } },
    { headers: { vary: '*' } },
    { headers: { vary: 'Accept-Encoding, Origin' } },
    { value: undefined },
    { value: 1n },
    { value: { nested: 1n } },
    { value: new Error('no') },
    { value: new StreamableFile(Buffer.from('a')) },
    { value: Readable.from(['a']) },
    { value: new Response('a') },
    { value: new ReadableStream() },
    { value: (async function* () {})() },
    { value: { toJSON: () => undefined } },
  ])('is not made of %j', (changes) => {
    expect(stored(changes)).toBeUndefined();
  });

  it.each([
    [{}, true],
    [{ status: 206 }, false],
    [{ status: 304 }, false],
    [{ headers: { 'cache-control': 'max-age=60', vary: 'Foo, *' } }, false],
  ])('that speaks for itself, with %j, is kept: %s', (changes, isKept) => {
    const headers = { 'cache-control': 'max-age=60' };
    expect(stored({ headers, ...changes }, speaking) !== undefined).toBe(isKept);
  });

  it('that speaks for itself lacks what is about one connection, or named so', () => {
    const ofOne = { connection: 'X-Hop', 'x-hop': '1', te: 'gzip', age: '1', 'proxy-authenticate': 'Basic' };
    const headers = { 'cache-control': 'max-age=60', 'x-own': '1', ...ofOne };
    const { headers: kept } = stored({ headers }, speaking)!.response;
    expect(kept).toEqual({ 'cache-control': 'max-age=60', 'x-own': '1', date: DATE });
  });

  it('may be stored by whoever understands it, but only with a status that it does', () => {
    const headers = { 'cache-control': 'max-age=60, must-understand' };
    expect(stored({ headers, status: 410 }, speaking)).toBeDefined();
    expect(stored({ headers, status: 299 }, speaking)).toBeUndefined();
    expect(stored({ headers: { 'cache-control': 'max-age=60' }, status: 299 }, speaking)).toBeDefined();
  });

  it.each([203, 204, 301, 308, 404, 410])('may have the status %i', (status) => {
    expect(stored({ status })?.response.status).toBe(status);
  });

  it('may be private where each principal has its own', () => {
    const headers = { 'cache-control': 'private, max-age=9' };
    expect(stored({ headers }, { isPrivate: true })).toBeDefined();
    expect(stored({ headers: { 'cache-control': 'private, no-store' } }, { isPrivate: true })).toBeUndefined();
  });

  it('may be stored by whoever understands it, if it says so', () => {
    const headers = { 'cache-control': 'no-store, must-understand' };
    expect(stored({ headers })).toBeDefined();
    expect(stored({ headers: { 'cache-control': 'no-store' } })).toBeUndefined();
    expect(stored({ headers: { 'cache-control': `${headers['cache-control']}, private` } })).toBeUndefined();
  });

  it('lacks the fields that `no-cache` names', () => {
    const headers = { 'cache-control': 'no-cache="X-Total"', 'x-total': '3' };
    expect(stored({ headers })!.response.headers).not.toHaveProperty('x-total');
  });

  it('is made of an encoded body only where the route varies by the encoding', () => {
    const encoded = { headers: { 'content-encoding': 'gzip' }, value: Buffer.from('zip') };
    expect(stored(encoded)).toBeDefined();
    expect(stored(encoded, { vary: [] })).toBeUndefined();
  });

  it.each([[null], ['text'], ['half \ud83d of one'], [0], [false], [Buffer.from([0xff])], [{ a: [1, null] }], [[]]])(
    'gives back %j, and has a tag of its own',
    (value) => {
      const { response } = stored({ value })!;
      expect(toValue(response.body)).toEqual(value);
      expect(response.headers['etag']).toMatch(/^"[^"]+"$/);
      expect(response.headers['etag']).not.toBe(stored({ value: 'another' })!.response.headers['etag']);
    },
  );

  it('gives each reader bytes of its own', () => {
    const { body } = stored({ value: Buffer.from('a') })!.response;
    (toValue(body) as Buffer).write('b');
    expect(toValue(body)).toEqual(Buffer.from('a'));
  });

  it('has another tag for each principal, so that nobody can guess at the bodies of others', () => {
    const tags = ['alice', 'bob'].map((salt) => stored({ value: 'same' }, {}, salt)!.response.headers['etag']);
    expect(new Set(tags).size).toBe(2);
  });

  it('sends objects as the text that was stored and bytes as a file', () => {
    expect(toPayload(stored({})!.response.body)).toBe('{"id":1}');
    expect(toPayload(stored({ value: Buffer.from('a') })!.response.body)).toBeInstanceOf(StreamableFile);
  });

  it("has the handler's own tag when it gave one", () => {
    expect(stored({ headers: { etag: 'W/"7"' } })!.response.headers['etag']).toBe('W/"7"');
  });

  it('knows what JSON would change', () => {
    const withoutPrototype = Object.assign(Object.create(null) as object, { a: 1 });
    expect([{ a: [1, 'b', null] }, withoutPrototype, Buffer.from('a'), 'a', null].map(isPlain)).not.toContain(false);
    expect([new Date(), { at: new Date() }, [new Map()], new (class Account {})()].map(isPlain)).not.toContain(true);
  });
});

describe('the freshness of a stored response', () => {
  const freshOf = (headers: Record<string, string>, policy: Partial<StoragePolicy> = {}) =>
    stored({ headers }, policy)?.response.freshMs;

  it('is what the route says, whatever Cache-Control tells others', () => {
    expect(freshOf({ 'cache-control': 'max-age=60' }, { ttlMs: 9000 })).toBe(9000);
    expect(freshOf({ 'cache-control': 'max-age=0' }, { ttlMs: 9000 })).toBe(9000);
  });

  it('is else what the response says: s-maxage, then max-age, then Expires, less its age', () => {
    const expires = 'Thu, 01 Jan 2026 00:00:30 GMT';
    expect(freshOf({ 'cache-control': 's-maxage=10, max-age=60', expires })).toBe(10_000);
    expect(freshOf({ 'cache-control': 'max-age=60', expires })).toBe(60_000);
    expect(freshOf({ expires })).toBe(30_000);
    expect(freshOf({ 'cache-control': 'max-age=60', age: '45' })).toBe(15_000);
    expect(freshOf({ 'cache-control': 'max-age=60', date: 'Wed, 31 Dec 2025 23:59:50 GMT' })).toBe(50_000);
  });

  it('is that of the cache when nobody says anything', () => {
    expect(freshOf({})).toBeNull();
  });

  it('may be over from the start where the response is of use when it is stale', () => {
    expect(freshOf({ 'cache-control': 'max-age=0, stale-while-revalidate=60' })).toBe(0);
  });
});

describe('how long a stored response is of use when it is stale', () => {
  const graceOf = (control: string, policy: Partial<StoragePolicy> = {}) =>
    stored({ headers: { 'cache-control': control } }, policy)?.graceMs;

  it('is what the response says, or else the route', () => {
    expect(graceOf('max-age=60')).toBe(0);
    expect(graceOf('max-age=60, stale-while-revalidate=5, stale-if-error=30')).toBe(30_000);
    expect(graceOf('max-age=60', { whileRevalidateMs: 7000 })).toBe(7000);
    expect(graceOf('max-age=60, stale-while-revalidate=5', { whileRevalidateMs: 7000 })).toBe(5000);
  });

  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=60'])('is nothing with %s', (directive) => {
    expect(graceOf(`max-age=60, stale-if-error=30, ${directive}`, { ifErrorMs: 7000 })).toBe(0);
  });
});
