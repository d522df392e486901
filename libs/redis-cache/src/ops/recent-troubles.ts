import type { EventChannel } from '../events.js';
import type { Clock } from '../time.js';

interface Refusal {
  readonly command: string;
  /** First word of the reply. */
  readonly reply: string;
  readonly atMs: number;
}

/** As long as orchestrators wait between two looks at the health (Kubernetes: 10 s). */
const RECENT_MS = 10_000;
/** Labels of `redis-error` that are no refusals: no reply at all, and replies of a cluster that are followed. */
const NOT_REFUSED = ['TIMEOUT', 'CONNECTION', 'OTHER', 'MOVED', 'ASK', 'TRYAGAIN'];
/** Asked by those who look only: a user who may not is none the worse for it. */
const ASKED_BY_ONLOOKERS = ['DBSIZE', 'INFO', 'SCAN', 'SLOWLOG'];

/** What is wrong with each connection, as its events tell. */
export class RecentTroubles {
  readonly #refusals = new Map<string, Refusal>();
  readonly #reasons = new Map<string, string>();

  constructor(
    events: EventChannel,
    private readonly clock: Clock,
  ) {
    events.on('redis-error', ({ connection, command, error }) => {
      if (NOT_REFUSED.includes(error) || (error === 'NOPERM' && ASKED_BY_ONLOOKERS.includes(command))) return;
      this.#refusals.set(connection, { command, reply: error, atMs: clock.nowMs() });
    });
    events.on('breaker', ({ connection, state, reason }) => {
      if (state === 'open') this.#reasons.set(connection, reason);
    });
  }

  /** The last answer that was no, for 10 s: Redis may be reached and still not do what it is asked. */
  refusal(connection: string): Refusal | undefined {
    const last = this.#refusals.get(connection);
    return last !== undefined && this.clock.nowMs() - last.atMs < RECENT_MS ? last : undefined;
  }

  /** Why a connection that is down is down. */
  cause(connection: string): string {
    const reason = this.#reasons.get(connection) ?? 'never reached';
    return this.refusal(connection)?.reply ?? reason.replace(/\.$/, '');
  }
}
