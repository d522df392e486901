import { type Channel, channel } from 'node:diagnostics_channel';

/** What the engine reports. Names and fields are public and only ever grow. */
export interface CacheEvents {
  /** A caller left with a stored value. */
  hit: { cache: string; key: string; tier: 'l1' | 'l2'; stale: boolean };
  /** A caller found nothing it may use; a load follows when it brought a loader. */
  miss: { cache: string; key: string; reason: MissReason };
  /** A loader ended. `stored` says whether its result reached Redis; `bytes` is its size, encoded, when it did. */
  load: { cache: string; key: string; durationMs: number; stored: boolean; bytes?: number; error?: unknown };
  /** A load in the background ended, begun because the entry was `stale` or would be soon (`early`). */
  refresh: { cache: string; key: string; trigger: RefreshTrigger; result: RefreshResult };
  /** A loader runs without a lease and for this process only: Redis did not answer, or still owes an invalidation. */
  fallback: { cache: string; key: string; reason: FallbackReason };
  /** A stale value was answered. */
  stale: { cache: string; key: string; reason: 'refreshing' | 'timeout' | 'error' };
  /** A value was too large, refused by its lease, or otherwise not stored. */
  unstored: { cache: string; key: string; reason: UnstoredReason };
  /** A value was written by `set` or `put`, whose own work is not in `durationMs`; `bytes` is its size, encoded, if stored. */
  write: { cache: string; key: string; status: WriteStatus; durationMs: number; bytes?: number };
  /**
   * An invalidation ended: `target` is the key, tag, pattern or cache. `entries` is how many there were, where that can be
   * known: tags, caches and the namespace are invalidated without counting.
   */
  invalidation: {
    cache: string;
    kind: InvalidationKind;
    target: string;
    status: WriteStatus;
    durationMs: number;
    entries?: number;
  };
  /** A stored value could not be read: foreign, truncated, corrupt, or of another codec. */
  corrupt: { cache: string; key: string };
  /** The memory tier dropped an entry to stay within its bounds. */
  eviction: { cache: string; key: string };
  /** The breaker of a connection changed. `node` is `host:port` of a cluster's node, else empty. */
  breaker: { connection: string; node: string; state: 'closed' | 'open' | 'half-open'; reason: string };
  /** The coherence link changed; while it is not `trusted`, memory tiers do not answer. */
  link: { connection: string; node: string; state: 'off' | 'armed' | 'trusted' | 'gap'; reason: string };
  /** Redis announced on the link that so many keys changed, or `all` of them. */
  announcement: { connection: string; node: string; keys: number | 'all' };
  /** The link answered: no announcement made before took longer than this to arrive. */
  heartbeat: { connection: string; node: string; durationMs: number };
  /** A connection that was lost is there again. */
  reconnect: { connection: string; node: string; kind: 'data' | 'control' | 'link' | 'admin' };
  /** Invalidations waiting for Redis: how many are queued, or that they collapsed into one of the namespace. */
  journal: { connection: string; queued: number; overflowed: boolean };
  /** An operation on a session ended. `session` is the handle, never the id. */
  session: { operation: SessionOperation; result: SessionResult; session: string | undefined };
  /** A request passed the HTTP cache, with what that did for it. */
  http: { cache: string; outcome: HttpOutcome };
  /** A command or script was answered, or given up. */
  command: { connection: string; command: string; durationMs: number };
  /** A condition of the option `alerts` began to hold, has held for long enough, or is over. */
  alert: {
    alert: string;
    severity: AlertSeverity;
    state: AlertState;
    /** The cache or the connection it is about, if it is about one. */
    labels: Readonly<Record<string, string>>;
    value: number;
    summary: string;
  };
  /** A warm-up began, goes on, or has ended; so many entries so far. */
  'warm-up': {
    warmer: string;
    state: WarmUpState;
    loaded: number;
    present: number;
    failed: number;
    /** How many there are, where that is known. */
    total?: number;
    durationMs: number;
  };
  /** Somebody did something on the admin page or by its API; `target` is the key, tag, pattern, cache or warmer. */
  admin: { user: string; action: AdminAction; target: string; outcome: string };
  /** Redis answered with an error, or not at all. `error` is the first word of the reply, or `TIMEOUT`, `CONNECTION`. */
  'redis-error': { connection: string; command: string; error: string };
}

export type MissReason = 'absent' | 'expired' | 'invalidated' | 'corrupt' | 'unavailable' | 'bypassed' | 'disabled';
export type UnstoredReason = 'too-large' | 'refused' | 'skipped' | 'unavailable' | 'unconfirmed-tags' | 'sensitive';
/** `look-up`: of one entry. */
export type AdminAction =
  | `invalidate-${Exclude<InvalidationKind, 'expire'>}`
  | 'expire'
  | 'bypass'
  | 'end-bypass'
  | 'hold-breaker'
  | 'release-breaker'
  | 'list-keys'
  | 'list-sessions'
  | 'look-up'
  | 'revoke-session'
  | 'revoke-sessions'
  | 'warm'
  | 'cancel-warm-up';
export type AlertSeverity = 'critical' | 'warning' | 'info';
export type AlertState = 'pending' | 'firing' | 'resolved';
/** `elsewhere`: another process does it, or did it of late. `unavailable`: there is no Redis to warm. */
export type WarmUpState = 'started' | 'progress' | 'done' | 'cancelled' | 'failed' | 'elsewhere' | 'unavailable';
export type RefreshTrigger = 'stale' | 'early';
/** `needless`: another process did it, or had done it. */
export type RefreshResult = 'success' | 'error' | 'needless';
export type FallbackReason = 'unavailable' | 'journal';
/** `revalidated`: it was stale and was made anew. `bypass`: not looked for. */
export type HttpOutcome = 'hit' | 'stale' | 'miss' | 'revalidated' | 'bypass';
export type InvalidationKind = 'key' | 'tag' | 'pattern' | 'cache' | 'namespace' | 'expire';
/** `applied`: Redis did it. `queued`: journaled, Redis does it when it is back. `deferred`: waits for `deferEvictions`. */
export type WriteStatus = 'applied' | 'queued' | 'deferred';
export type SessionOperation =
  'cookie' | 'create' | 'read' | 'save' | 'rotate' | 'touch' | 'destroy' | 'list' | 'revoke' | 'count';
/**
 * `absent`: there is no such session (any more). `conflict`: others kept writing it. `tampered`, `unknown-key`, `invalid`:
 * there is one that cannot be used, for its seal, its key, or the schema. `malformed`, `oversized`, `duplicate`: a cookie that
 * was not looked at. `unavailable`, `refused`: Redis did not answer, or said no.
 */
export type SessionResult =
  | 'ok'
  | 'absent'
  | 'conflict'
  | 'tampered'
  | 'unknown-key'
  | 'invalid'
  | 'malformed'
  | 'oversized'
  | 'duplicate'
  | 'unavailable'
  | 'refused';

export type CacheEventName = keyof CacheEvents;
export type CacheEventListener<Name extends CacheEventName> = (event: CacheEvents[Name]) => void;

/** Every name once; the compiler says when one is missing. */
const NAMES = Object.keys({
  admin: 0,
  alert: 0,
  announcement: 0,
  breaker: 0,
  command: 0,
  corrupt: 0,
  eviction: 0,
  fallback: 0,
  heartbeat: 0,
  hit: 0,
  http: 0,
  invalidation: 0,
  journal: 0,
  link: 0,
  load: 0,
  miss: 0,
  reconnect: 0,
  'redis-error': 0,
  refresh: 0,
  session: 0,
  stale: 0,
  unstored: 0,
  'warm-up': 0,
  write: 0,
} satisfies Record<CacheEventName, 0>) as CacheEventName[];

/** `rcache:<name>` of `node:diagnostics_channel`, the same for all engines of a process. */
const CHANNELS = Object.fromEntries(NAMES.map((name) => [name, channel(`rcache:${name}`)])) as Record<
  CacheEventName,
  Channel
>;

/**
 * The one channel on which the engine reports. Nothing is built for an event nobody listens to: callers on a hot path
 * ask `listensTo` first. A listener that throws is ignored; it runs in the caller's turn and must be quick. Each event is
 * also published on the channel `rcache:<name>` of `node:diagnostics_channel`.
 */
export class EventChannel {
  readonly #listeners = new Map<CacheEventName, Set<CacheEventListener<never>>>();

  /** Calls `listener` at every event of that name; the returned function ends it. */
  on<Name extends CacheEventName>(name: Name, listener: CacheEventListener<Name>): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, (listeners = new Set()));
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(name);
    };
  }

  listensTo(name: CacheEventName): boolean {
    return this.#listeners.has(name) || CHANNELS[name].hasSubscribers;
  }

  emit<Name extends CacheEventName>(name: Name, event: CacheEvents[Name]): void {
    if (CHANNELS[name].hasSubscribers) CHANNELS[name].publish(event);
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        (listener as CacheEventListener<Name>)(event);
      } catch {
        // A broken observer must not change what the cache answers.
      }
    }
  }
}
