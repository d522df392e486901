import type { Scenario } from './model.js';

export const FAILOVER_PROTECTIONS = [
  'the journal before trust',
  'the replay on another server',
  'that recent means before the loss',
  'that a stored write counts as an invalidation',
  'the question for the role',
  'that all connections lead to one server',
  'a new namespace id after a restart from a snapshot',
  'that the namespace id is replaced once per restart',
] as const;
export type FailoverProtection = (typeof FAILOVER_PROTECTIONS)[number];

export interface FailoverScenario extends Scenario<FailoverProtection> {
  /**
   * What comes after the first server: a replica that is promoted when it died, one that is promoted while the first still
   * believes to be primary, or the first itself, restarted from a snapshot of any age.
   */
  readonly second: 'replica' | 'rival' | 'snapshot';
  readonly write: 'delete' | 'put';
  /** Whether process 1 loads the entry, instead of it being there at first. */
  readonly isLoaded: boolean;
}

export const FAILOVER_SCENARIOS: readonly FailoverScenario[] = [
  {
    name: 'a replica that lags takes over',
    proves: ['the journal before trust', 'the replay on another server', 'that recent means before the loss'],
    second: 'replica',
    write: 'delete',
    isLoaded: false,
  },
  {
    name: 'a replica that lags takes over during a load',
    proves: ['the replay on another server'],
    second: 'replica',
    write: 'delete',
    isLoaded: true,
  },
  {
    name: 'a replica takes over that has not heard of a put',
    proves: ['that a stored write counts as an invalidation'],
    second: 'replica',
    write: 'put',
    isLoaded: false,
  },
  {
    name: 'two servers believe to be primary',
    proves: ['the question for the role', 'that all connections lead to one server'],
    second: 'rival',
    write: 'delete',
    isLoaded: false,
  },
  {
    name: 'the server restarts from an old snapshot',
    proves: [
      'a new namespace id after a restart from a snapshot',
      'that the namespace id is replaced once per restart',
    ],
    second: 'snapshot',
    write: 'delete',
    isLoaded: false,
  },
];
