import type { LoggerService } from '@nestjs/common';
import type { CacheEventName, CacheEvents, EventChannel } from '../events.js';
import type { Clock } from '../time.js';

/** From the fewest lines to the most. */
export type EventLogLevel = 'warn' | 'log' | 'debug' | 'verbose';

export interface EventLogOptions {
  /** What matters less is not logged: `warn` for troubles, `log` for what changes, `debug` for work, `verbose` for all. Default `warn`. */
  level?: EventLogLevel;
  /** Share of the events of `debug` and `verbose` that are logged, 0 to 1. Default 1. */
  sample?: number;
  /** Whether keys, tags and patterns are logged, which may tell about people. Default `false`. */
  keys?: boolean;
}

const LEVELS: readonly EventLogLevel[] = ['warn', 'log', 'debug', 'verbose'];
/** An event that comes more often fills disks and tells nothing more. */
const MAX_LINES_PER_SECOND = 20;
const KEY_FIELDS = ['key', 'target', 'session'];

/** How much an event matters. Changes of a breaker and alerts are missing: they are logged in any case. */
const LEVEL_OF: {
  readonly [Name in Exclude<CacheEventName, 'alert' | 'breaker'>]:
    EventLogLevel | ((event: CacheEvents[Name]) => EventLogLevel);
} = {
  admin: 'log',
  corrupt: 'warn',
  'redis-error': 'warn',
  link: ({ state }) => (state === 'gap' ? 'warn' : 'log'),
  journal: ({ overflowed }) => (overflowed ? 'warn' : 'debug'),
  load: ({ error }) => (error === undefined ? 'debug' : 'warn'),
  refresh: ({ result }) => (result === 'error' ? 'warn' : 'debug'),
  stale: ({ reason }) => (reason === 'refreshing' ? 'debug' : 'warn'),
  session: ({ result }) => (result === 'ok' || result === 'absent' ? 'debug' : 'warn'),
  invalidation: ({ kind, status }) =>
    status === 'queued' ? 'warn' : kind === 'key' || kind === 'expire' ? 'debug' : 'log',
  'warm-up': ({ state, failed }) => (state === 'failed' || failed > 0 ? 'warn' : 'log'),
  reconnect: 'log',
  fallback: 'debug',
  unstored: 'debug',
  write: 'debug',
  eviction: 'debug',
  hit: 'verbose',
  miss: 'verbose',
  http: 'verbose',
  command: 'verbose',
  announcement: 'verbose',
  heartbeat: 'verbose',
};

/** Writes events as lines of a log. Listens only to what can reach the level asked for. */
export function logEvents(events: EventChannel, logger: LoggerService, clock: Clock, options: EventLogOptions): void {
  const { level: most = 'warn', sample = 1, keys = false } = options;
  const isWanted = (level: EventLogLevel): boolean => LEVELS.indexOf(level) <= LEVELS.indexOf(most);
  for (const name of Object.keys(LEVEL_OF) as (keyof typeof LEVEL_OF)[]) {
    const level = LEVEL_OF[name] as EventLogLevel | ((event: object) => EventLogLevel);
    if (typeof level === 'string' && !isWanted(level)) continue;
    const pace = new Pace(clock);
    events.on(name, (event: object) => {
      const own = typeof level === 'string' ? level : level(event);
      if (!isWanted(own)) return;
      const isSampled = own === 'warn' || own === 'log' || clock.random() < sample;
      if (!isSampled || !pace.admits()) return;
      const left = pace.takeLeftOut();
      logger[own]?.(`${name} ${fieldsOf(event, keys)}${left === 0 ? '' : ` (and ${left} more)`}`);
    });
  }
}

/** Keeps what comes in a flood down to a number of lines in each second. */
class Pace {
  #second = -Infinity;
  #lines = 0;
  #leftOut = 0;

  constructor(private readonly clock: Clock) {}

  admits(): boolean {
    const second = Math.floor(this.clock.nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    if (this.#lines >= MAX_LINES_PER_SECOND) {
      this.#leftOut += 1;
      return false;
    }
    this.#lines += 1;
    return true;
  }

  /** How many were not admitted since this was asked for. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}

function fieldsOf(event: object, keys: boolean): string {
  return Object.entries(event)
    .filter(([name, value]) => value !== undefined && value !== '' && (keys || !KEY_FIELDS.includes(name)))
    .map(([name, value]) => `${name}=${textOf(value)}`)
    .join(' ');
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value * 1000) / 1000);
  // What a loader threw may say anything; its class is enough to find it.
  if (value instanceof Error) return value.name;
  return typeof value === 'string' || typeof value === 'boolean' ? JSON.stringify(value) : typeof value;
}
