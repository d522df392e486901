import type { Scenario } from './model.js';

export const KEY_LEASE_PROTECTIONS = [
  'the lease a result is stored under',
  'the end of running loads at an invalidation',
  'the end of running loads at an expiry',
  'the end of running loads at a set',
  'the comparison with the entry that was seen',
  'that a load whose entry is gone loses its lease',
  'the instant after which a set does nothing',
  'that an invalidation cuts the flight',
  'that an invalidation overtakes the read',
  'the guard of reads that an announcement overtook',
  'that memory is filled from reads only',
  'that memory forgets again when Redis has answered',
] as const;
export type KeyLeaseProtection = (typeof KEY_LEASE_PROTECTIONS)[number];

export interface StoredEntry {
  version: number;
  id: number;
  /** Made stale by `expire`. */
  isSoft: boolean;
}

export interface KeyLeaseScenario extends Scenario<KeyLeaseProtection> {
  readonly entry: StoredEntry | null;
  /** Each makes one call, in the process told. */
  readonly callers: readonly { readonly home: number; readonly call: 'get' | 'getOrSet' }[];
  /** A pattern is a scan and then what removes what it found. `after` is the write that has to be over before. A DEL of any client tells nobody and takes no lease. */
  readonly writes: readonly {
    readonly kind: 'delete' | 'pattern' | 'expire' | 'set' | 'DEL by any client' | 'eviction';
    readonly by: number;
    readonly after?: number;
  }[];
  /** Whether senders may give up, their requests be carried out later, and leases run out. */
  readonly hasTimeouts?: boolean;
}

const FRESH: StoredEntry = { version: 0, id: 100, isSoft: false };
const STALE: StoredEntry = { ...FRESH, isSoft: true };

export const KEY_LEASE_SCENARIOS: readonly KeyLeaseScenario[] = [
  {
    name: 'two loads in one process, a delete there and one in another',
    proves: [
      'the lease a result is stored under',
      'the end of running loads at an invalidation',
      'that an invalidation cuts the flight',
      'the guard of reads that an announcement overtook',
      'that memory is filled from reads only',
    ],
    entry: null,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 0, call: 'getOrSet' },
    ],
    writes: [
      { kind: 'delete', by: 0 },
      { kind: 'delete', by: 1 },
    ],
  },
  {
    name: 'two loads in one process and one in another, a delete',
    proves: ['the lease a result is stored under', 'the end of running loads at an invalidation'],
    entry: null,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [{ kind: 'delete', by: 0 }],
  },
  {
    name: 'gets and a load in one process that deletes twice',
    proves: ['that an invalidation overtakes the read', 'that memory forgets again when Redis has answered'],
    entry: FRESH,
    callers: [
      { home: 0, call: 'get' },
      { home: 0, call: 'get' },
      { home: 0, call: 'getOrSet' },
    ],
    writes: [
      { kind: 'delete', by: 0 },
      { kind: 'delete', by: 0, after: 0 },
    ],
  },
  {
    name: 'an expiry while a stale entry is refreshed',
    proves: ['the end of running loads at an expiry'],
    entry: STALE,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [{ kind: 'expire', by: 0 }],
  },
  {
    name: 'a set during loads, and the eviction of what it stored',
    proves: ['the end of running loads at a set'],
    entry: null,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [
      { kind: 'set', by: 0 },
      { kind: 'eviction', by: 0, after: 0 },
    ],
  },
  {
    name: 'a set that may be given up, then a delete in another process',
    proves: ['the instant after which a set does nothing'],
    entry: FRESH,
    callers: [{ home: 1, call: 'getOrSet' }],
    writes: [
      { kind: 'set', by: 0 },
      { kind: 'delete', by: 1, after: 0 },
    ],
    hasTimeouts: true,
  },
  {
    name: 'a pattern that finds a stale entry while it is refreshed, which may be evicted',
    proves: ['the comparison with the entry that was seen', 'that a load whose entry is gone loses its lease'],
    entry: STALE,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [
      { kind: 'pattern', by: 0 },
      { kind: 'eviction', by: 1 },
    ],
  },
  {
    name: 'a pattern that finds a load, and a delete',
    proves: ['the lease a result is stored under', 'the end of running loads at an invalidation'],
    entry: null,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [
      { kind: 'pattern', by: 0 },
      { kind: 'delete', by: 1 },
    ],
  },
  {
    name: 'a DEL by any client while a stale entry is refreshed',
    proves: ['the comparison with the entry that was seen', 'that a load whose entry is gone loses its lease'],
    entry: STALE,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [{ kind: 'DEL by any client', by: 1 }],
  },
  {
    name: 'requests that are carried out late, and leases that run out',
    proves: ['the lease a result is stored under', 'the end of running loads at an invalidation'],
    entry: null,
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [{ kind: 'delete', by: 0 }],
    hasTimeouts: true,
  },
];
