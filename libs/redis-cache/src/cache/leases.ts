import { createHash } from 'node:crypto';
import { type Backend, type CacheCore, isUnanswered } from './backend.js';
import type { Found } from './entry-judge.js';
import { LEASE_MS } from './entry-scripts.js';
import type { TagId } from './recorded.js';
import type { Flight } from './flight.js';
import { newIds } from './new-ids.js';
import type { RedisTier } from './redis-tier.js';
import { TransitMap } from './transit-map.js';

export interface Lease {
  readonly slotKey: string;
  readonly token: string;
  /** Read before the load began. */
  readonly ids: readonly TagId[];
}

interface HeldLease {
  readonly tier: RedisTier;
  readonly slotKey: string;
  readonly token: string;
  readonly flight: Flight;
}

type Redis = NonNullable<Backend['redis']>;

/** The right to load one key, of which there is one in the fleet: asked for, renewed while the load runs, given up. */
export class Leases {
  readonly #held = new TransitMap<string, HeldLease>();
  #renewal: NodeJS.Timeout | undefined;

  constructor(private readonly core: CacheCore) {}

  /** Asks for the right to load; the ids are those the load begins with. */
  async acquire(
    redis: Redis,
    request: { readonly tags: readonly string[]; readonly isStrong: boolean },
    found: Exclude<Found, { state: 'unavailable' }>,
    lease: { slotKey: string; token: string },
  ) {
    try {
      for (let idsAreFresh = request.isStrong; ; idsAreFresh = true) {
        const known = newIds(this.core, lease.slotKey, request.tags, found.ids, idsAreFresh);
        const ids = known instanceof Promise ? await known : known;
        const asked = { token: lease.token, digest: digestOf(ids), idsAreFresh };
        const acquired = await redis.tier.acquire(lease.slotKey, found.raw, asked);
        if (acquired.answer === 'foreign') this.core.foundCorrupt(this.core.keyOf(lease.slotKey));
        // The running load began with other ids: read ours again, and if they still differ the lease is ours.
        else if (acquired.answer !== 'ids') return { acquired, ids };
      }
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      // The request may still be carried out later, and nobody would use that lease.
      redis.tier.abort(lease.slotKey, lease.token, false).catch(ignore);
      return { acquired: UNAVAILABLE, ids: [] };
    }
  }

  /** Takes the lease whoever holds it. */
  seize(redis: Redis, { slotKey, token, ids }: Lease): Promise<void> {
    return redis.tier.seize(slotKey, { token, digest: digestOf(ids) });
  }

  /** Gives up every lease this process holds, so that others need not wait for loads that will never be stored. */
  async abortAll(): Promise<void> {
    await Promise.all(
      this.#held.values().map(({ tier, slotKey, token }) => tier.abort(slotKey, token, false).catch(ignore)),
    );
  }

  /** Renews a lease until its end. */
  keep({ tier }: Redis, { slotKey, token }: Lease, flight: Flight): void {
    const held: HeldLease = { tier, slotKey, token, flight };
    this.#held.set(token, held);
    // One timer for all: it comes to each of them within half of its time.
    this.#renewal ??= setInterval(() => {
      this.#renew();
    }, LEASE_MS / 2).unref();
  }

  end(token: string): void {
    this.#held.delete(token);
  }

  #renew(): void {
    if (this.#held.size === 0) {
      clearInterval(this.#renewal);
      this.#renewal = undefined;
    }
    for (const { tier, slotKey, token, flight } of this.#held.values()) {
      // A load nobody waits for must not block its key: others may take the lease, and its fill is refused then.
      if (flight.isAbandoned) continue;
      // A lease that cannot be renewed runs out, with the same effect.
      tier.renew(slotKey, token, LEASE_MS).catch(ignore);
    }
  }
}

const UNAVAILABLE = { answer: 'unavailable' } as const;

const MAX_IDS_IN_FULL = 8;

/** What tells whether two loads began with the same ids. Each id is random, and of one tag only. */
function digestOf(ids: readonly TagId[]): string {
  let text = '';
  for (const { id } of ids) text += id;
  return ids.length <= MAX_IDS_IN_FULL ? text : createHash('sha1').update(text).digest('base64url');
}

function ignore(): void {}
