import { isDeepStrictEqual } from 'node:util';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { encodeEnvelope, decodeEnvelope, type Envelope } from '../libs/redis-cache/src/cache/envelope.js';
import { encodeContext, encodeKey, encodeTag } from '../libs/redis-cache/src/cache/key.js';
import { encodeGlob, globMatcher } from '../libs/redis-cache/src/cache/pattern.js';
import { DEFAULT_POLICY, resolvePolicy } from '../libs/redis-cache/src/cache/policy.js';
import {
  CorruptValueError,
  decodeValue,
  deepFreeze,
  encodeValue,
  type Encoding,
} from '../libs/redis-cache/src/cache/value.js';
import { InvalidArgumentError, InvalidOptionsError } from '../libs/redis-cache/src/errors.js';
import type { ConnectionOptions } from '../libs/redis-cache/src/redis/connection-options.js';
import { optionsFromEnvironment } from '../libs/redis-cache/src/redis-cache.config.js';
import { validateOptions } from '../libs/redis-cache/src/redis-cache.validation.js';
import { toMsOrZero } from '../libs/redis-cache/src/time.js';
import { damage, foreignBlob } from './fuzz/blobs.js';
import { fingerprintOf } from './fuzz/fingerprint.js';
import { chunksOf, forEach, report, SEED, TIMEOUT_MS } from './fuzz/inputs.js';
import { anything, context, key, keyAndLookalike, text } from './fuzz/keys.js';
import { keyAndPattern, matchesSlowly } from './fuzz/patterns.js';
import { checkPrototypes, globalFields, hostileJson, value } from './fuzz/values.js';
import { startEngine, trusted } from './support/engines.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

const SAFE = /^[A-Za-z0-9_.:=,+%/~@|-]{1,200}$/;

/** Whether different things get different texts and equal ones the same, over all inputs. */
class Injection {
  readonly #fingerprints = new Map<string, string>();
  readonly #known = new Set<string>();

  add(thing: unknown, encoded: string): void {
    const fingerprint = fingerprintOf(thing);
    const known = this.#fingerprints.get(encoded);
    checkSafe(encoded);
    if (known === undefined && this.#known.has(fingerprint)) throw new Error(`it has two texts, one is ${encoded}`);
    if (known !== undefined && known !== fingerprint) throw new Error(`something else has its text ${encoded}`);
    this.#fingerprints.set(encoded, fingerprint);
    this.#known.add(fingerprint);
  }

  get different(): number {
    return this.#known.size;
  }
}

function checkSafe(encoded: string): void {
  if (!SAFE.test(encoded)) throw new Error(`its text is ${encoded}`);
}

/** Runs what may refuse its input. */
function isRefused(ErrorClass: new (...args: never[]) => Error, call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    if (error instanceof ErrorClass) return true;
    throw error;
  }
}

// Most of the time would go into stack traces of errors that are caught.
const { stackTraceLimit } = Error;
beforeAll(() => (Error.stackTraceLimit = 0));
afterAll(() => (Error.stackTraceLimit = stackTraceLimit));

describe('keys', () => {
  it(
    'have a text each, which no other key has',
    () => {
      const keys = new Injection();
      forEach(keyAndLookalike, ([each, lookalike]) => {
        keys.add(each, encodeKey(each));
        keys.add(lookalike, encodeKey(lookalike));
      });
      report('keys', { different: keys.different, collisions: 0 });
    },
    TIMEOUT_MS,
  );

  it(
    'have another one in each context, which no key has without one',
    () => {
      const keys = new Injection();
      forEach(fc.tuple(context, key), ([segments, each]) => {
        keys.add(each, encodeKey(each));
        keys.add({ segments, each }, encodeContext(segments, encodeKey(each)));
      });
      report('keys in contexts', { different: keys.different, collisions: 0 });
    },
    TIMEOUT_MS,
  );

  it(
    'and tags, patterns, options and durations of any kind are accepted or refused, and nothing else happens',
    () => {
      let refused = 0;
      forEach(anything, (each) => {
        const outcomes = [
          isRefused(InvalidArgumentError, () => checkSafe(encodeKey(each as never))),
          isRefused(InvalidArgumentError, () => checkSafe(encodeKey([each] as never))),
          isRefused(InvalidArgumentError, () => checkSafe(encodeTag(each as never))),
          isRefused(InvalidArgumentError, () => globMatcher(each as never)(encodeGlob(each as never))),
          isRefused(InvalidArgumentError, () => toMsOrZero(each as never, 'ttl')),
          isRefused(InvalidOptionsError, () => resolvePolicy(DEFAULT_POLICY, each as never, 1e9)),
          isRefused(InvalidOptionsError, () => resolvePolicy(DEFAULT_POLICY, { ttl: each, tags: each } as never, 1e9)),
        ];
        refused += outcomes.filter(Boolean).length;
      });
      report('anything as an argument', { refused, crashes: 0 });
      expect(refused).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

describe('patterns', () => {
  it(
    'match the keys they say and no others, and Redis is asked for at least those',
    () => {
      let matched = 0;
      forEach(keyAndPattern, ({ key: itself, other, pattern }) => {
        const matcher = globMatcher(pattern);
        const glob = Array.from(encodeGlob(pattern));
        for (const each of [itself, other]) {
          const encoded = encodeKey(each);
          // Longer keys are digests, which no pattern finds.
          const isMatch = !encoded.startsWith('~h') && matchesSlowly(Array.from(pattern), Array.from(each));
          if (matcher(encoded) !== isMatch) throw new Error(`${each} ${isMatch ? 'was missed' : 'was found'}`);
          if (isMatch && !matchesSlowly(glob, Array.from(encoded))) throw new Error(`the glob misses ${each}`);
          matched += Number(isMatch);
        }
      });
      report('patterns', { matched, 'wrong answers': 0 });
      expect(matched).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

describe('environment variables', () => {
  const names: string[] = [];
  optionsFromEnvironment(new Proxy({}, { get: (_target, name) => void names.push(String(name)) }));
  const setting = fc.oneof(
    text,
    fc.constantFrom('true', '5s', '0', 'memory', 'redis://a', 'a:1,b:2', 'users', 'medium'),
  );

  it(
    'of any text make options that are valid, or are refused',
    () => {
      let refused = 0;
      forEach(fc.dictionary(fc.constantFrom(...names, 'CACHE_TTL_USERS'), setting, { maxKeys: 4 }), (environment) => {
        refused += Number(
          isRefused(InvalidOptionsError, () => {
            validateOptions(optionsFromEnvironment(environment));
          }),
        );
      });
      report('environments', { refused, crashes: 0 });
      expect(refused).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

describe('values', () => {
  const envelopeOf = (changes: Partial<Envelope>): Buffer =>
    encodeEnvelope({
      id: 'entry-id-123',
      createdAtMs: 1,
      freshUntilMs: 2,
      servableUntilMs: 3,
      loadMs: 4,
      recorded: { namespaceId: 'namespace-id', cacheId: 'cache-id-456', tags: [] },
      softExpired: false,
      negative: false,
      codecName: '',
      value: encodeValue(1),
      ...changes,
    });

  it(
    'come back as they were, tags too',
    () => {
      const fieldsBefore = globalFields();
      let compressed = 0;
      forEach(
        fc.tuple(
          value,
          fc.array(
            text.filter((tag) => tag.length < 100),
            { maxLength: 3 },
          ),
        ),
        ([original, names]) => {
          const encoded = encodeValue(original, { compressAboveBytes: 40 });
          compressed += Number(encoded.compressed);
          const tags = names.map((tag) => ({ tag, id: 'tag-id-12345' }));
          const envelope = decodeEnvelope(
            envelopeOf({ recorded: { namespaceId: 'namespace-id', cacheId: 'cache-id-456', tags }, value: encoded }),
          )!;
          const decoded = decodeValue(envelope.value, { maxBytes: 1e6 });
          if (!isDeepStrictEqual(decoded, original)) throw new Error(`it became ${fc.stringify(decoded)}`);
          if (!isDeepStrictEqual(envelope.recorded.tags, tags))
            throw new Error(`its tags became ${fc.stringify(envelope.recorded.tags)}`);
        },
      );
      expect(globalFields()).toBe(fieldsBefore);
      report('values through the codec', { compressed, different: 0 });
    },
    TIMEOUT_MS,
  );

  it(
    'of a hostile writer are decoded or refused, and never change what other objects are',
    () => {
      const fieldsBefore = globalFields();
      let refused = 0;
      const encodings: Encoding[] = ['json', 'typed-json', 'typed-json', 'bytes', 'buffer', 'custom'];
      const writer = fc.tuple(hostileJson, fc.constantFrom(...encodings), fc.constantFrom(false, false, true, 'gzip'));
      forEach(writer, ([json, encoding, squeeze]) => {
        const bytes = Buffer.from(json);
        const packed = squeeze === 'gzip' ? gzipSync(bytes) : squeeze ? deflateSync(bytes) : bytes;
        const stored = { bytes: packed, encoding, compressed: squeeze !== false, mutable: false };
        refused += Number(
          isRefused(CorruptValueError, () => {
            const decoded = decodeValue(stored, { maxBytes: 1e6 });
            checkPrototypes(decoded);
            checkPrototypes(deepFreeze(decoded));
          }),
        );
      });
      expect(globalFields()).toBe(fieldsBefore);
      report('values of a hostile writer', { refused, crashes: 0, polluted: 0 });
      expect(refused).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['zlib', deflateSync],
    ['gzip', gzipSync],
    ['brotli', (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } })],
  ])('that claim much in a few bytes of %s are refused at the limit', (_name, compress) => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(70_000);
    const bytesBefore = process.memoryUsage().arrayBuffers;
    for (const encoding of ['json', 'typed-json', 'bytes', 'buffer'] as const) {
      const stored = { bytes: bomb, encoding, compressed: true, mutable: false };
      expect(() => decodeValue(stored, { maxBytes: 4 * 1024 * 1024 })).toThrow(CorruptValueError);
    }
    expect(process.memoryUsage().arrayBuffers - bytesBefore).toBeLessThan(32 * 1024 * 1024);
  });
});

describe('what stands in Redis', () => {
  // A million inputs keep a machine busy; what is asked here is not whether Redis answers in time.
  const connection = (): ConnectionOptions => ({
    url: testRedisUrl(),
    commandTimeout: '30s',
    controlTimeout: '30s',
    socketTimeout: '1m',
  });

  it(
    'and is not ours is a miss, which is counted, reported, and repaired by the next load',
    async () => {
      const namespace = uniqueNamespace();
      const engine = await startEngine({ namespace, l1: false, connection: connection() });
      await trusted(engine);
      const { defaultCache: cache } = engine;
      const redis = engine.connection()!.client;
      let reported = 0;
      engine.events.on('corrupt', () => (reported += 1));
      let blobs = 0;
      for (const chunk of chunksOf(foreignBlob)) {
        await redis.mset(...chunk.flatMap((blob, index) => [`${namespace}:e:{default:${index}}`, blob]));
        const found = await Promise.all(chunk.map((_blob, index) => cache.lookup(String(index))));
        blobs += chunk.length;
        const index = found.findIndex((each) => each.isHit || each.reason !== 'corrupt');
        if (index >= 0) {
          throw new Error(`FUZZ_SEED=${SEED}: ${chunk[index]!.toString('hex')} is ${JSON.stringify(found[index])}`);
        }
        expect([cache.stats.corrupt, reported]).toEqual([blobs, blobs]);
        expect(await cache.getOrSet('0', () => 'loaded')).toBe('loaded');
        expect(await cache.get('0')).toBe('loaded');
        // That load found a corrupt entry, too.
        blobs += 1;
      }
      report('foreign entries in Redis', { misses: cache.stats.corrupt, hits: 0 });
    },
    TIMEOUT_MS,
  );

  it(
    'and was ours until something changed it is a miss, whatever was changed',
    async () => {
      const namespace = uniqueNamespace();
      const engine = await startEngine({ namespace, l1: false, connection: connection() });
      await trusted(engine);
      const { defaultCache: cache } = engine;
      const redis = engine.connection()!.client;
      const keyOf = (index: number): string => `${namespace}:e:{default:${index}}`;
      const originals = fc.sample(value, { seed: SEED, numRuns: 200 });
      const tags = ['a', 'b', 'c'];
      const store = (each: unknown, index: number): Promise<unknown> =>
        cache.set(String(index), each, {
          tags: tags.slice(index % 4),
          compress: { aboveBytes: 40 },
          negativeTtl: '1h',
          ttl: '1h',
        });
      await Promise.all(originals.map(store));
      const entries = await Promise.all(
        originals.map((_value, index) => redis.getBuffer(keyOf(index)) as Promise<Buffer>),
      );

      let unchanged = 0;
      let damaged = 0;
      for (const chunk of chunksOf(fc.tuple(damage, fc.nat(), fc.nat()))) {
        const blobs = chunk.map(([change, one, other]) => {
          const original = entries[one % entries.length]!;
          const blob = Buffer.from(change(original, entries[other % entries.length]!));
          // The one bit that Redis may set in place, to expire an entry.
          if (blob.length > 3) blob[3] = (blob[3]! & ~16) | (original[3]! & 16);
          return { blob, original };
        });
        await redis.mset(...blobs.flatMap(({ blob }, index) => [keyOf(index), blob]));
        const found = await Promise.all(blobs.map((_blob, index) => cache.lookup(String(index))));
        for (const [index, { blob, original }] of blobs.entries()) {
          const isIntact = entries.some((entry) => entry.equals(blob));
          unchanged += Number(isIntact);
          damaged += Number(!isIntact);
          const { isHit, reason } = { reason: '', ...found[index]! };
          if (isHit === isIntact && (isIntact || reason === 'corrupt')) continue;
          const what = `${original.toString('hex')} became ${blob.toString('hex')}`;
          throw new Error(`FUZZ_SEED=${SEED}: ${what}, which is ${isHit ? 'a hit' : reason}`);
        }
        expect(cache.stats.corrupt).toBe(damaged);
      }
      report('damaged entries in Redis', { unchanged, misses: damaged, hits: 0 });
      expect(damaged).toBeGreaterThan(unchanged);
    },
    TIMEOUT_MS,
  );

  it('and is huge is a miss like any other', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace, l1: false, connection: connection() });
    const { defaultCache: cache } = engine;
    const redis = engine.connection()!.client;
    for (const byte of ['R', '{', '\0']) {
      await redis.set(`${namespace}:e:{default:k}`, Buffer.alloc(64 * 1024 * 1024, byte), 'PX', 60_000);
      expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'corrupt' });
    }
    expect(cache.stats.corrupt).toBe(3);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
  }, 60_000);
});
