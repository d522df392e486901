import type { EventChannel } from '../events.js';
import { LinkConnection, type LinkListener } from '../redis/link-connection.js';
import type { Shard } from '../redis/shard.js';
import type { Clock } from '../time.js';
import type { Coherence } from './coherence.js';
import type { Trust } from './trust.js';

export interface LinkContext {
  readonly connectionName: string;
  readonly prefixes: readonly string[];
  readonly heartbeatMs: number;
  readonly maxStalenessMs: number;
  readonly clock: Clock;
  readonly events: EventChannel;
  readonly coherence: Coherence;
}

/**
 * What one primary announces, and for how long that may be relied on. Trust is granted for `maxStaleness` after the last
 * instant up to which announcements are known to be complete; a gap ends it at once, for all that was remembered so far.
 */
export class ShardLink implements LinkListener {
  readonly #link: LinkConnection;
  #trust: Trust = { untilMs: -Infinity };
  #isArmed = false;

  constructor(
    private readonly shard: Shard,
    private readonly context: LinkContext,
  ) {
    const { prefixes, heartbeatMs, clock } = context;
    this.#link = new LinkConnection(shard, prefixes, heartbeatMs, clock, this);
  }

  get trust(): Trust {
    return this.#trust;
  }

  get state(): 'off' | 'armed' | 'trusted' {
    if (this.context.clock.nowMs() < this.#trust.untilMs) return 'trusted';
    return this.#isArmed ? 'armed' : 'off';
  }

  start(): void {
    this.#link.start();
  }

  stop(reason: string): void {
    this.#link.stop(reason);
  }

  provenNow(): Promise<boolean> {
    return this.#link.provenNow();
  }

  onKeys(keys: readonly string[] | null): void {
    const { events, connectionName } = this.context;
    if (events.listensTo('announcement')) {
      const count = keys === null ? 'all' : keys.length;
      events.emit('announcement', { connection: connectionName, node: this.shard.address, keys: count });
    }
    if (keys === null) this.#forget(this.#trust.untilMs);
    else this.context.coherence.onKeys(keys);
  }

  onArmed(): void {
    this.#isArmed = true;
    this.#forget(-Infinity);
    this.#report('armed', 'tracking is on');
  }

  onGap(reason: string): void {
    this.#isArmed = false;
    this.#forget(-Infinity);
    this.#report('gap', reason);
  }

  onPong(durationMs: number): void {
    const { events, connectionName } = this.context;
    if (!events.listensTo('heartbeat')) return;
    events.emit('heartbeat', { connection: connectionName, node: this.shard.address, durationMs });
  }

  onProven(provenAtMs: number): void {
    const wasTrusted = this.state === 'trusted';
    this.#trust.untilMs = provenAtMs + this.context.maxStalenessMs;
    if (!wasTrusted) this.#report('trusted', 'announcements are complete');
  }

  /** Ends the trust under which everything so far was remembered; a new one begins. */
  #forget(untilMs: number): void {
    const ended = this.#trust;
    ended.untilMs = -Infinity;
    this.#trust = { untilMs };
    this.context.coherence.forget({ includes: (_slotKey, trusts) => trusts.includes(ended) });
  }

  #report(state: 'armed' | 'trusted' | 'gap', reason: string): void {
    const { events, connectionName } = this.context;
    events.emit('link', { connection: connectionName, node: this.shard.address, state, reason });
  }
}
