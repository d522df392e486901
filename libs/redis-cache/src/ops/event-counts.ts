import type { CacheEngine } from '../cache/engine.js';
import { OPERATION_BOUNDS_SECONDS } from '../cache/stats.js';
import type { CacheEvents, InvalidationKind } from '../events.js';
import { LabelLimit } from './label-limit.js';
import { HistogramTally, Tally } from './tally.js';

/** From a quick query to the default `hardTimeout`. */
export const LOAD_BOUNDS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From 256 bytes to the default `maxValueBytes`. */
const VALUE_BOUNDS_BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];

/** More than Redis and its modules have in use, and few enough to bear. */
const MAX_COMMANDS = 64;
const MAX_ERROR_TYPES = 32;

export interface LastWarmUp {
  readonly durationMs: number;
  /** Entries that could not be loaded. */
  readonly failed: number;
  readonly endedAt: Date;
}

const counts = new WeakMap<CacheEngine, EventCounts>();

/** What the events of an engine have told since the first call; always the same for the same engine. */
export function eventCountsOf(engine: CacheEngine): EventCounts {
  let known = counts.get(engine);
  if (known === undefined) counts.set(engine, (known = new EventCounts(engine)));
  return known;
}

/** Counts what is rare, or costs more than counting it; what stands on the hot path counts itself, in `CacheStats`. */
export class EventCounts {
  readonly operations = new HistogramTally<'cache' | 'operation'>(OPERATION_BOUNDS_SECONDS);
  readonly loads = new HistogramTally<'cache' | 'result'>(LOAD_BOUNDS_SECONDS);
  readonly valueBytes = new HistogramTally<'cache'>(VALUE_BOUNDS_BYTES);
  readonly staleAnswers = new Tally<'cache' | 'reason'>();
  readonly refreshes = new Tally<'cache' | 'trigger' | 'result'>();
  readonly fallbacks = new Tally<'cache' | 'reason'>();
  readonly writes = new Tally<'cache' | 'status'>();
  readonly unstored = new Tally<'cache' | 'reason'>();
  readonly invalidations = new Tally<'cache' | 'kind' | 'status'>();
  readonly invalidatedEntries = new Tally<'cache' | 'kind'>();
  readonly httpResponses = new Tally<'cache' | 'outcome'>();
  readonly sessionOperations = new Tally<'operation' | 'result'>();
  readonly warmedEntries = new Tally<'warmup' | 'result'>();
  /** Of the last run of this process that went through all entries, by warmer. */
  readonly warmUps = new Map<string, LastWarmUp>();
  readonly breakerTransitions = new Tally<'connection' | 'state'>();
  readonly linkTransitions = new Tally<'connection' | 'state'>();
  readonly linkMessages = new Tally<'connection' | 'kind'>();
  readonly linkDelays = new HistogramTally<'connection'>(OPERATION_BOUNDS_SECONDS);
  readonly reconnects = new Tally<'connection' | 'kind'>();
  readonly commands = new HistogramTally<'connection' | 'command'>(OPERATION_BOUNDS_SECONDS);
  readonly errors = new Tally<'connection' | 'operation' | 'error_type'>();
  /** Names of commands and scripts, and first words of error replies: both from a list, the second one of the server's. */
  readonly commandLimit = new LabelLimit(MAX_COMMANDS);
  readonly errorTypeLimit = new LabelLimit(MAX_ERROR_TYPES);

  constructor({ events }: CacheEngine) {
    const seconds = (ms: number): number => ms / 1000;
    events.on('load', (event) => {
      this.#loaded(event);
    });
    events.on('stale', ({ cache, reason }) => {
      this.staleAnswers.add({ cache, reason });
    });
    events.on('refresh', ({ cache, trigger, result }) => {
      this.refreshes.add({ cache, trigger, result });
    });
    events.on('fallback', ({ cache, reason }) => {
      this.fallbacks.add({ cache, reason });
    });
    events.on('write', ({ cache, status, durationMs, bytes }) => {
      this.writes.add({ cache, status });
      this.operations.observe({ cache, operation: 'set' }, seconds(durationMs));
      if (bytes !== undefined) this.valueBytes.observe({ cache }, bytes);
    });
    events.on('unstored', ({ cache, reason }) => {
      this.unstored.add({ cache, reason });
    });
    events.on('invalidation', ({ cache, kind, status, durationMs, entries = 0 }) => {
      this.invalidations.add({ cache, kind, status });
      this.operations.observe({ cache, operation: operationOf(kind) }, seconds(durationMs));
      if (entries > 0) this.invalidatedEntries.add({ cache, kind }, entries);
    });
    events.on('http', ({ cache, outcome }) => {
      this.httpResponses.add({ cache, outcome });
    });
    events.on('session', ({ operation, result }) => {
      this.sessionOperations.add({ operation, result });
    });
    events.on('warm-up', (event) => {
      this.#warmedUp(event);
    });
    events.on('breaker', ({ connection, state }) => {
      this.breakerTransitions.add({ connection, state: state.replace('-', '_') });
    });
    events.on('link', ({ connection, state }) => {
      this.linkTransitions.add({ connection, state });
    });
    events.on('announcement', ({ connection, keys }) => {
      if (keys === 'all') this.linkMessages.add({ connection, kind: 'flush' });
      else this.linkMessages.add({ connection, kind: 'key' }, keys);
    });
    events.on('heartbeat', ({ connection, durationMs }) => {
      this.linkDelays.observe({ connection }, seconds(durationMs));
    });
    events.on('reconnect', ({ connection, kind }) => {
      this.reconnects.add({ connection, kind });
    });
    events.on('command', ({ connection, command, durationMs }) => {
      this.commands.observe({ connection, command: this.commandLimit.of(command) }, seconds(durationMs));
    });
    events.on('redis-error', ({ connection, command, error }) => {
      const labels = { operation: this.commandLimit.of(command), error_type: this.errorTypeLimit.of(error) };
      this.errors.add({ connection, ...labels });
    });
  }

  #warmedUp({ warmer, state, loaded, present, failed, durationMs }: CacheEvents['warm-up']): void {
    if (state === 'started' || state === 'progress') return;
    for (const [result, count] of Object.entries({ loaded, present, failed })) {
      this.warmedEntries.add({ warmup: warmer, result }, count);
    }
    if (state === 'done') this.warmUps.set(warmer, { durationMs, failed, endedAt: new Date() });
  }

  #loaded({ cache, durationMs, bytes, error }: CacheEvents['load']): void {
    this.loads.observe({ cache, result: error === undefined ? 'success' : 'error' }, durationMs / 1000);
    if (bytes !== undefined) this.valueBytes.observe({ cache }, bytes);
  }
}

function operationOf(kind: InvalidationKind): 'delete' | 'invalidate' {
  return kind === 'key' ? 'delete' : 'invalidate';
}
