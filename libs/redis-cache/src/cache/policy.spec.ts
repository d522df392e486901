import { InvalidOptionsError } from '../errors.js';
import {
  storedTags,
  DEFAULT_MAX_TTL_MS,
  DEFAULT_POLICY,
  freshMs,
  type Policy,
  resolvePolicy,
  tagsAlone,
} from './policy.js';

const resolve = (options: object, base: Policy = DEFAULT_POLICY): Policy =>
  resolvePolicy(base, options, DEFAULT_MAX_TTL_MS);
const NOW_MS = 1_700_000_000_000;
const fresh = (policy: Policy, value: unknown, ttl?: any, random = 0): number | false =>
  freshMs(policy, ttl, value, { maxTtlMs: DEFAULT_MAX_TTL_MS, nowMs: NOW_MS, random });

describe('resolvePolicy', () => {
  it('costs nothing without options, and leaves what they do not say alone', () => {
    expect(resolvePolicy(DEFAULT_POLICY, undefined, DEFAULT_MAX_TTL_MS)).toBe(DEFAULT_POLICY);
    expect(resolve({ grace: '1m' })).toEqual({ ...DEFAULT_POLICY, graceMs: 60_000 });
    expect(resolve({ grace: undefined })).toEqual(DEFAULT_POLICY);
  });

  it('lets the nearest win', () => {
    const ofModule = resolve({ ttl: '1h', grace: '1h', l1: false });
    const ofCache = resolve({ ttl: '1m', l1: { ttl: '1s' } }, ofModule);
    expect(ofCache).toMatchObject({ ttl: '1m', graceMs: 3_600_000, usesMemory: true, memoryTtlMs: 1_000 });
    expect(resolve({ l1: true }, ofCache)).toMatchObject({ usesMemory: true, memoryTtlMs: Infinity });
  });

  it('waits for a refresh when a soft timeout is given, unless told otherwise', () => {
    expect(resolve({ softTimeout: 10 }).refresh).toBe('wait');
    expect(resolve({ softTimeout: 10, refresh: 'background' }).refresh).toBe('background');
    expect(resolve({ refresh: 'background', softTimeout: 10 }).refresh).toBe('background');
  });

  it('turns off what can be turned off', () => {
    expect(resolve({ grace: 0, earlyRefresh: false, compress: false, negativeTtl: false })).toMatchObject({
      graceMs: 0,
      earlyBeta: 0,
      compressAboveBytes: Infinity,
      negativeTtlMs: false,
    });
    expect([resolve({ earlyRefresh: true }).earlyBeta, resolve({ earlyRefresh: 2.5 }).earlyBeta]).toEqual([1, 2.5]);
  });

  it('takes options of a call only in a call', () => {
    expect(() => resolve({ bypass: true })).toThrow(InvalidOptionsError);
    expect(resolvePolicy(DEFAULT_POLICY, { bypass: true } as any, DEFAULT_MAX_TTL_MS, 'Call', true)).toEqual(
      DEFAULT_POLICY,
    );
  });

  it('says which options are known when one is not', () => {
    expect(() => resolve({ hardTimout: 1 })).toThrow('hardTimeout');
  });
});

describe('freshMs', () => {
  it('takes what the loader said over the policy', () => {
    expect(fresh(resolve({ ttl: '1h' }), 1)).toBe(3_600_000);
    expect(fresh(resolve({ ttl: '1h' }), 1, '2s')).toBe(2_000);
    expect(fresh(resolve({ ttl: (value: number) => value * 1_000 }), 3)).toBe(3_000);
  });

  it('counts a Date from now on, by the clock it is given', () => {
    expect(fresh(DEFAULT_POLICY, 1, new Date(NOW_MS + 5_000))).toBe(5_000);
    expect(() => fresh(DEFAULT_POLICY, 1, new Date(NOW_MS))).toThrow('not in the future');
  });

  it('gives null and undefined the smaller of ttl and a minute, or their own', () => {
    for (const nothing of [null, undefined]) {
      expect(fresh(resolve({ ttl: '1h' }), nothing)).toBe(60_000);
      expect(fresh(resolve({ ttl: '1s' }), nothing)).toBe(1_000);
      expect(fresh(resolve({ ttl: '1s', negativeTtl: '1h' }), nothing)).toBe(3_600_000);
      expect(fresh(resolve({ ttl: '1h' }), nothing, '2h')).toBe(7_200_000);
      expect(fresh(resolve({ negativeTtl: false }), nothing, '2h')).toBe(false);
    }
    expect(fresh(resolve({ negativeTtl: '1s' }), 0)).toBe(300_000);
  });

  it('does not ask a ttl function about nothing when nothing has a ttl of its own', () => {
    const policy = resolve({ negativeTtl: '1s', ttl: (value: { ttl: number }) => value.ttl });
    expect(fresh(policy, null)).toBe(1_000);
  });

  it('shortens at random by up to the jitter, and leaves at least a millisecond', () => {
    const policy = resolve({ ttl: 1_000, jitter: 0.2 });
    expect([fresh(policy, 1, undefined, 0), fresh(policy, 1, undefined, 0.5)]).toEqual([1_000, 900]);
    expect(fresh(resolve({ ttl: 1, jitter: 0.5 }), 1, undefined, 1)).toBe(1);
  });
});

describe('storedTags', () => {
  it('spells tags as they are stored', () => {
    expect(storedTags(['a', 'b c'])).toEqual(['u:a', 'u:b%20c']);
    expect(storedTags([])).toEqual([]);
  });

  it('finds two spellings of one tag', () => {
    expect(() => storedTags(['a', 'b', 'a'])).toThrow('tags holds "a" twice');
    expect(storedTags(['a', 'A'])).toHaveLength(2);
  });

  it('allows 64', () => {
    const tags = Array.from({ length: 65 }, (_, id) => `t${id}`);
    expect(storedTags(tags.slice(1))).toHaveLength(64);
    expect(() => storedTags(tags)).toThrow('tags has 65 items; at most 64 are allowed');
  });
});

describe('tagsAlone', () => {
  it('gives the stored tags of options that hold nothing else', () => {
    expect(tagsAlone(DEFAULT_POLICY, { tags: ['a', 'b c'] })).toEqual(resolve({ tags: ['a', 'b c'] }).tags);
    expect(tagsAlone(DEFAULT_POLICY, { tags: ['a'], ttl: undefined })).toEqual(['u:a']);
  });

  it.each<[string, any, Policy?]>([
    ['no options', undefined],
    ['null', null],
    ['text', 'tags'],
    ['a list', ['a']],
    ['no tags', { ttl: '1m' }],
    ['another option', { tags: ['a'], ttl: '1m' }],
    ['an unknown one', { tags: ['a'], tag: 'b' }],
    ['tags by the value', { tags: () => ['a'] }],
    ['a tag that is none', { tags: [''] }],
    ['a tag twice', { tags: ['a', 'a'] }],
    ['tags over those by the value', { tags: ['a'] }, resolve({ tags: () => ['b'] })],
  ])('leaves %s to resolvePolicy', (_, options, base = DEFAULT_POLICY) => {
    expect(tagsAlone(base, options)).toBeUndefined();
  });
});
