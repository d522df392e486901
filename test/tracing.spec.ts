import { context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  CACHE_ENGINE,
  type CacheEngine,
  CacheService,
  defineCache,
  RedisCacheModule,
  type TracingOptions,
} from 'nestjs-rcache';
import { uniqueNamespace, testRedisUrl } from './support/servers.js';

const users = defineCache({ name: 'users', key: (id: number) => ['user', id] });
const exporter = new InMemorySpanExporter();
const apps: INestApplicationContext[] = [];

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  exporter.reset();
});

afterAll(() => {
  trace.disable();
  context.disable();
});

async function start(tracing?: boolean | TracingOptions): Promise<CacheEngine> {
  const connection = { url: testRedisUrl() };
  const module = await Test.createTestingModule({
    imports: [
      RedisCacheModule.forRoot({
        connection,
        namespace: uniqueNamespace(),
        startTimeout: '5s',
        ...(tracing === undefined ? {} : { tracing }),
      }),
    ],
  }).compile();
  apps.push(await module.init());
  return module.get<CacheEngine>(CACHE_ENGINE);
}

/** Runs work as a request that is traced. */
function inRequest<T>(work: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan('request', async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });
}

function spans(): ReadableSpan[] {
  return exporter.getFinishedSpans();
}

function named(name: string): ReadableSpan {
  const found = spans().filter((span) => span.name === name);
  expect([name, found.length]).toEqual([name, 1]);
  return found[0] as ReadableSpan;
}

describe('tracing', () => {
  it('puts the loader beneath the call, and what the loader does beneath the loader', async () => {
    const cache = (await start(true)).cache(users);
    const value = await inRequest(() =>
      cache.for(42).getOrSet(async () => trace.getTracer('db').startActiveSpan('query', (span) => (span.end(), 'Ada'))),
    );
    expect(value).toBe('Ada');
    const [request, get, load, query] = ['request', 'cache.get users', 'cache.load users', 'query'].map(named);
    expect(get?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(load?.parentSpanContext?.spanId).toBe(get?.spanContext().spanId);
    expect(query?.parentSpanContext?.spanId).toBe(load?.spanContext().spanId);
    expect(get?.attributes).toEqual({
      'cache.operation': 'get',
      'cache.name': 'users',
      'cache.hit': false,
      'cache.source': 'loader',
      'cache.stale': false,
      'cache.shared': false,
      'cache.ttl': 300,
    });
  });

  it('says of hits where they came from', async () => {
    const engine = await start(true);
    const cache = engine.defaultCache;
    await cache.set('key', 1);
    expect(await inRequest(() => cache.getOrSet('key', () => 2))).toBe(1);
    expect(named('cache.get default').attributes).toMatchObject({ 'cache.hit': true, 'cache.source': 'l2' });
    exporter.reset();
    expect(await inRequest(() => cache.lookup('none'))).toMatchObject({ isHit: false });
    expect(named('cache.get default').attributes).toMatchObject({
      'cache.hit': false,
      'cache.miss_reason': 'absent',
    });
  });

  it('has a span for every way to change the cache, with what became of it', async () => {
    const cache = (await start(true)).defaultCache;
    await inRequest(async () => {
      await cache.set('key', 1);
      await cache.put('put', () => 1);
      await cache.expire('key');
      await cache.delete('key');
      await cache.invalidateTags(['tag']);
      await cache.clear();
    });
    const operations = spans().map(({ name, attributes }) => [name, attributes['cache.status']]);
    expect(operations).toEqual([
      ['cache.set default', 'applied'],
      ['cache.load default', undefined],
      ['cache.set default', undefined],
      ['cache.expire default', 'applied'],
      ['cache.delete default', 'applied'],
      ['cache.invalidate default', 'applied'],
      ['cache.clear default', 'applied'],
      ['request', undefined],
    ]);
  });

  it('marks what failed, without the words of the error', async () => {
    const cache = (await start(true)).defaultCache;
    await inRequest(() => cache.getOrSet('key', () => Promise.reject(new RangeError('secret')))).catch(() => undefined);
    for (const name of ['cache.load default', 'cache.get default']) {
      expect(named(name).status).toEqual({ code: SpanStatusCode.ERROR });
      expect(named(name).attributes['error.type']).toBe('RangeError');
    }
    expect(JSON.stringify(spans().map(({ attributes, events, status }) => [attributes, events, status]))).not.toContain(
      'secret',
    );
  });

  it('names keys and tags only when told to', async () => {
    for (const keys of [false, true]) {
      const cache = (await start({ keys })).cache(users);
      await inRequest(async () => {
        await cache.for(42).getOrSet(() => 1);
        await cache.invalidateTags(['team:7']);
      });
      const attributes = spans().map((span) => span.attributes);
      expect(attributes.some((each) => String(each['cache.key']).includes('42'))).toBe(keys);
      expect(attributes.some((each) => String(each['cache.tags']) === 'team:7')).toBe(keys);
      exporter.reset();
    }
  });

  it('leaves no span outside of a trace, unless calls may begin one', async () => {
    const quiet = (await start(true)).defaultCache;
    expect(await quiet.getOrSet('key', () => 1)).toBe(1);
    expect(spans()).toEqual([]);
    const loud = (await start({ roots: true })).defaultCache;
    expect(await loud.getOrSet('key', () => 1)).toBe(1);
    expect(spans().map(({ name }) => name)).toEqual(['cache.load default', 'cache.get default']);
  });

  it('is not there at all unless it is asked for', async () => {
    const engine = await start();
    await inRequest(() => engine.defaultCache.getOrSet('key', () => 1));
    expect(spans().map(({ name }) => name)).toEqual(['request']);
    expect(engine.constructor.name).toBe('CacheEngine');
    expect(Object.keys(engine.defaultCache)).not.toContain('getOrSet');
  });

  it('reaches the cache that is injected', async () => {
    await start(true);
    const cache = apps[0]?.get(CacheService);
    await inRequest(async () => cache?.delete('key'));
    expect(named('cache.delete default').attributes['cache.status']).toBe('applied');
  });
});
