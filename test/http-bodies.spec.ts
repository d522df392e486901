import { Controller, Get, Header, HttpCode, Query, Res, StreamableFile, UseInterceptors } from '@nestjs/common';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { HttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import { type Answer, ADAPTERS, type HttpApp, startHttpApp } from './support/http-app.js';

interface Response {
  header(name: string, value: string): unknown;
}

let runs: Record<string, number> = {};
const run = (name: string): number => (runs[name] = (runs[name] ?? 0) + 1);
const BINARY = Buffer.from([0, 0xff, 0xfe, 0x80, 10, 13, 0xc3]);
const TEXT = 'äöü — 0123456789';

@Controller()
@UseInterceptors(HttpCacheInterceptor)
@HttpCache({ headers: ['X-Custom'], vary: ['Accept-Encoding'] })
class BodiesController {
  @Get('json')
  json() {
    return { run: run('json'), text: TEXT, list: [1, null, true] };
  }

  @Get('text')
  text() {
    run('text');
    return TEXT;
  }

  @Get('empty')
  empty() {
    run('empty');
    return '';
  }

  @Get('buffer')
  @Header('Content-Type', 'image/x-own')
  buffer() {
    run('buffer');
    return BINARY;
  }

  @Get('view')
  view() {
    run('view');
    return new Uint8Array(BINARY.buffer, BINARY.byteOffset + 1, 3);
  }

  @Get('gzip')
  @Header('Content-Encoding', 'gzip')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  gzip() {
    run('gzip');
    return gzipSync(TEXT);
  }

  @Get('file')
  file() {
    run('file');
    return new StreamableFile(BINARY, { type: 'application/x-own', disposition: 'attachment; filename="a.bin"' });
  }

  @Get('stream')
  stream() {
    run('stream');
    return new StreamableFile(Readable.from([BINARY, Buffer.from(TEXT)]), { type: 'application/x-own' });
  }

  @Get('transformed')
  @HttpCode(203)
  @Header('X-Custom', 'a, "b"')
  transformed(@Res({ passthrough: true }) response: Response) {
    response.header('Content-Type', 'text/x-own;charset=us-ascii');
    run('transformed');
    return Buffer.from('203');
  }

  @Get('moved')
  @HttpCode(301)
  @Header('Location', '/json')
  moved() {
    run('moved');
    return '';
  }

  @Get('large')
  @HttpCache({ maxBodyBytes: 10 })
  large(@Query('declared') declared: string | undefined) {
    run('large');
    const content = Readable.from([Buffer.from('0123456'), Buffer.from('789ab'), Buffer.from('cdef')]);
    return new StreamableFile(content, declared === undefined ? {} : { length: 16 });
  }

  @Get('broken')
  broken() {
    run('broken');
    const content = async function* () {
      yield Buffer.from('begun');
      throw new Error('The disk is gone.');
    };
    return new StreamableFile(Readable.from(content()));
  }
}

describe.each(ADAPTERS)('the body of a cached response on %s', (_name, createAdapter) => {
  let ask: HttpApp['ask'];
  beforeEach(async () => {
    runs = {};
    ({ ask } = await startHttpApp(createAdapter, { controllers: [BodiesController] }));
  });

  /** What has to be the same on a hit: all but what tells that it is one. */
  const replayed = ({ status, headers, body }: Answer) => {
    const { age: _age, 'cache-status': _status, 'keep-alive': _alive, ...others } = headers;
    return { status, headers: others, body };
  };

  it.each(['json', 'text', 'empty', 'buffer', 'view', 'gzip', 'file', 'stream', 'transformed', 'moved'])(
    'is replayed to the byte, with its headers: %s',
    async (kind) => {
      const first = await ask(`/${kind}`);
      const second = await ask(`/${kind}`);
      expect(second.cache).toMatch(/^rcache; hit/);
      expect(replayed(second)).toEqual(replayed(first));
      expect(runs).toEqual({ [kind]: 1 });
    },
  );

  it('is what the handler made', async () => {
    expect((await ask('/buffer')).body).toEqual(BINARY);
    expect((await ask('/view')).body).toEqual(BINARY.subarray(1, 4));
    expect((await ask('/gzip')).body).toEqual(gzipSync(TEXT));
    const file = await ask('/file');
    expect(file.body).toEqual(BINARY);
    expect(file.headers).toMatchObject({
      'content-type': 'application/x-own',
      'content-disposition': 'attachment; filename="a.bin"',
    });
    expect((await ask('/stream')).body).toEqual(Buffer.concat([BINARY, Buffer.from(TEXT)]));
    const transformed = await ask('/transformed');
    expect([transformed.status, transformed.headers['content-type']]).toEqual([203, 'text/x-own;charset=us-ascii']);
    expect(await ask('/moved')).toMatchObject({ status: 301, headers: { location: '/json' } });
  });

  it.each(['', '?declared'])('is streamed and not stored when it is larger than the route allows%s', async (query) => {
    for (const count of [1, 2]) {
      const { text, status } = await ask(`/large${query}`);
      expect([status, text, runs['large']]).toEqual([200, '0123456789abcdef', count]);
    }
  });

  it('is an error, and not half a body, when its stream breaks', async () => {
    expect((await ask('/broken')).status).toBe(500);
    expect((await ask('/broken')).status).toBe(500);
    expect(runs).toEqual({ broken: 2 });
  });

  it('is left out of the answer to HEAD, which has the same headers', async () => {
    const stored = await ask('/stream');
    const head = await ask('/stream', {}, 'HEAD');
    expect(head.cache).toMatch(/^rcache; hit/);
    expect(head.headers.etag).toBe(stored.headers.etag);
    expect(head.headers['content-length']).toBe(String(stored.body.length));
    expect(head.body).toHaveLength(0);
  });

  describe('in part', () => {
    const bytes = Buffer.from(TEXT);

    it.each([
      ['bytes=0-3', 0, 4],
      ['bytes=5-', 5, bytes.length],
      ['bytes=-4', bytes.length - 4, bytes.length],
      ['bytes=3-1000', 3, bytes.length],
    ])('answers %s from the stored whole', async (range, start, end) => {
      // The first is answered by the handler, which does not hear of the range.
      for (const _attempt of [1, 2]) {
        const part = await ask('/text', { range });
        expect([part.status, part.body]).toEqual([206, bytes.subarray(start, end)]);
        expect(part.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${bytes.length}`);
      }
      expect((await ask('/text')).text).toBe(TEXT);
      expect(runs).toEqual({ text: 1 });
    });

    it('refuses what is not there, and answers the whole to what it does not understand', async () => {
      const none = await ask('/text', { range: 'bytes=1000-' });
      expect([none.status, none.headers['content-range']]).toEqual([416, `bytes */${bytes.length}`]);
      for (const range of ['bytes=0-1,4-5', 'lines=1-2', 'bytes=b-a']) {
        expect(await ask('/text', { range })).toMatchObject({ status: 200, text: TEXT });
      }
    });

    it('answers the whole when the client has a part of another version', async () => {
      const { headers } = await ask('/text');
      const part = await ask('/text', { range: 'bytes=0-1', 'if-range': headers.etag as string });
      expect(part.status).toBe(206);
      expect((await ask('/text', { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
    });
  });

  it('is not sent when the precondition fails', async () => {
    const { headers } = await ask('/json');
    const etag = headers.etag as string;
    expect((await ask('/json', { 'if-match': etag })).status).toBe(200);
    expect((await ask('/json', { 'if-match': '*' })).status).toBe(200);
    expect(await ask('/json', { 'if-match': '"other"' })).toMatchObject({ status: 412, text: '' });
    expect((await ask('/json', { 'if-none-match': etag })).status).toBe(304);
    expect(runs).toEqual({ json: 1 });
  });
});
