import type { Scenario } from './model.js';

export const VALUE_TAG_PROTECTIONS = [
  'the proof that every announcement has come',
  'the second ping',
  'that a load notes the tags invalidated meanwhile',
  'that a load notes a gap of the link',
  'the marker of a tag invalidation',
  'that a late joiner enters again',
  'that a copy for the outage heeds what was invalidated meanwhile',
] as const;
export type ValueTagProtection = (typeof VALUE_TAG_PROTECTIONS)[number];

export interface ValueTagScenario extends Scenario<ValueTagProtection> {
  /** Whether Redis answers, and has an id of the tag at first. */
  readonly redis: 'has the id' | 'has no id' | 'is away';
  /** How often the link is lost. */
  readonly gaps: number;
  /** Who invalidates the tag. */
  readonly invalidations: readonly ('this process' | 'another')[];
}

export const VALUE_TAG_SCENARIOS: readonly ValueTagScenario[] = [
  {
    name: 'another process invalidates the tag',
    proves: [
      'the proof that every announcement has come',
      'the second ping',
      'that a load notes the tags invalidated meanwhile',
      'that a late joiner enters again',
    ],
    redis: 'has the id',
    gaps: 0,
    invalidations: ['another'],
  },
  {
    name: 'another process invalidates the tag twice',
    proves: ['the marker of a tag invalidation'],
    redis: 'has the id',
    gaps: 0,
    invalidations: ['another', 'another'],
  },
  {
    name: 'another process invalidates the tag before it has an id',
    proves: ['the marker of a tag invalidation', 'the second ping'],
    redis: 'has no id',
    gaps: 0,
    invalidations: ['another'],
  },
  {
    name: 'another process invalidates the tag while the link is lost',
    proves: ['that a load notes a gap of the link'],
    redis: 'has the id',
    gaps: 1,
    invalidations: ['another'],
  },
  {
    name: 'this process invalidates the tag',
    proves: ['that a late joiner enters again', 'that a load notes the tags invalidated meanwhile'],
    redis: 'has the id',
    gaps: 0,
    invalidations: ['this process'],
  },
  {
    name: 'this process invalidates the tag while Redis is away',
    proves: ['that a copy for the outage heeds what was invalidated meanwhile'],
    redis: 'is away',
    gaps: 0,
    invalidations: ['this process'],
  },
];
