import type { Scenario } from './model.js';

export const TAG_ID_PROTECTIONS = [
  'that ids never come again',
  'that ids are read before the load',
  'that a tag invalidation overtakes every read',
  'that a tag invalidation overtakes the question for its id',
  'that a tag invalidation cuts the flight',
  'the guard of tagged reads that an announcement overtook',
  'the guard of ids that an announcement overtook',
  'that the table forgets again when Redis has answered',
  'that copies are verified again after an announcement',
  'that a load with newer ids takes the lease over',
  'that a strong call asks for its ids itself',
] as const;
export type TagIdProtection = (typeof TAG_ID_PROTECTIONS)[number];

export interface TagIdScenario extends Scenario<TagIdProtection> {
  /** What Redis has at first: the id of the tag, and an entry that records it. */
  readonly stored: 'nothing' | 'id' | 'entry';
  /** Each makes one call, in the process told. */
  readonly callers: readonly { readonly home: number; readonly call: 'get' | 'getOrSet' | 'strong' }[];
  readonly writes: readonly { readonly kind: 'invalidation' | 'eviction of the id'; readonly by: number }[];
  /**
   * A get and a load have begun: the question of the first caller for the id is answered but the answer not there yet,
   * the last caller has the lease and has read the source.
   */
  readonly hasBegun?: boolean;
}

export const TAG_ID_SCENARIOS: readonly TagIdScenario[] = [
  {
    name: 'a get and a load in one process, which invalidates',
    proves: [
      'that ids never come again',
      'that a tag invalidation overtakes every read',
      'that a tag invalidation overtakes the question for its id',
      'the guard of tagged reads that an announcement overtook',
      'the guard of ids that an announcement overtook',
      'that the table forgets again when Redis has answered',
      'that copies are verified again after an announcement',
    ],
    stored: 'entry',
    callers: [
      { home: 0, call: 'get' },
      { home: 0, call: 'getOrSet' },
    ],
    writes: [{ kind: 'invalidation', by: 0 }],
  },
  {
    name: 'loads in two processes, one of which invalidates',
    proves: ['that ids are read before the load', 'that a load with newer ids takes the lease over'],
    stored: 'nothing',
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [{ kind: 'invalidation', by: 0 }],
  },
  {
    name: 'two loads in one process, an invalidation by another, the id evicted',
    proves: ['that a tag invalidation cuts the flight', 'that ids are read before the load'],
    stored: 'entry',
    callers: [
      { home: 0, call: 'getOrSet' },
      { home: 0, call: 'getOrSet' },
    ],
    writes: [
      { kind: 'invalidation', by: 1 },
      { kind: 'eviction of the id', by: 1 },
    ],
  },
  {
    name: 'a strong call beside a get and a load, an invalidation by another process',
    proves: ['that a strong call asks for its ids itself'],
    stored: 'id',
    callers: [
      { home: 0, call: 'get' },
      { home: 0, call: 'strong' },
      { home: 1, call: 'getOrSet' },
    ],
    writes: [{ kind: 'invalidation', by: 1 }],
    hasBegun: true,
  },
];
