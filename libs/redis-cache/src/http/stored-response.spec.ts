import { StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { type Answer, isPlain, lostHeaders, STORED_HEADERS, toPayload, toStored, toValue } from './stored-response.js';

const shared = { storedHeaders: [...STORED_HEADERS, 'x-total'], vary: ['accept-encoding'], isPrivate: false };

function answer(changes: Partial<Answer> = {}): Answer {
  return { isSent: false, status: 200, before: {}, headers: {}, value: { id: 1 }, ...changes };
}

describe('a stored response', () => {
  it('keeps the listed headers that the handler set, and nothing that middleware sets each time', () => {
    const before = { vary: 'Origin', 'x-total': '1' };
    const headers = { ...before, 'x-total': '2', link: ['<a>', '<b>'], 'x-other': 'lost', 'content-length': 3 };
    const given = answer({ before, headers });
    expect(toStored(given, shared)?.headers).toEqual({ 'x-total': '2', link: '<a>, <b>' });
    expect(lostHeaders(given, shared)).toEqual(['x-other']);
  });

  it.each([
    { isSent: true },
    { status: 206 },
    { status: 301 },
    { status: 404 },
    { status: 500 },
    { headers: { 'set-cookie': 'a=b' } },
    { headers: { 'cache-control': 'max-age=60, NO-STORE' } },
    { headers: { 'cache-control': 'no-cache="set-cookie"' } },
    { headers: { 'cache-control': 'Private' } },
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
    expect(toStored(answer(changes), shared)).toBeUndefined();
  });

  it('may be private where each principal has its own', () => {
    const own = { ...shared, isPrivate: true };
    expect(toStored(answer({ headers: { 'cache-control': 'private, max-age=9' } }), own)).toBeDefined();
    expect(toStored(answer({ headers: { 'cache-control': 'private, no-store' } }), own)).toBeUndefined();
  });

  it('is made of an encoded body only where the route varies by the encoding', () => {
    const encoded = answer({ headers: { 'content-encoding': 'gzip' }, value: Buffer.from('zip') });
    expect(toStored(encoded, shared)).toBeDefined();
    expect(toStored(encoded, { ...shared, vary: [] })).toBeUndefined();
  });

  it.each([[null], ['text'], [0], [false], [Buffer.from([0xff])], [{ a: [1, null] }], [[]]])(
    'gives back %j, and has a tag of its own',
    (value) => {
      const stored = toStored(answer({ value }), shared);
      expect(toValue(stored!.body)).toEqual(value);
      expect(stored?.etag).toMatch(/^"[^"]+"$/);
      expect(stored?.etag).not.toBe(toStored(answer({ value: 'another' }), shared)?.etag);
    },
  );

  it('sends objects as the text that was stored and bytes as a file', () => {
    expect(toPayload(toStored(answer(), shared)!.body)).toBe('{"id":1}');
    expect(toPayload(toStored(answer({ value: Buffer.from('a') }), shared)!.body)).toBeInstanceOf(StreamableFile);
  });

  it("has the handler's own tag when it gave one", () => {
    expect(toStored(answer({ headers: { etag: 'W/"7"' } }), shared)?.etag).toBe('W/"7"');
  });

  it('knows what JSON would change', () => {
    const withoutPrototype = Object.assign(Object.create(null) as object, { a: 1 });
    expect([{ a: [1, 'b', null] }, withoutPrototype, Buffer.from('a'), 'a', null].map(isPlain)).not.toContain(false);
    expect([new Date(), { at: new Date() }, [new Map()], new (class Account {})()].map(isPlain)).not.toContain(true);
  });
});
