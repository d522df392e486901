import { createHash } from 'node:crypto';
import { type Backend, type CacheCore, isUnanswered } from './backend.js';
import type { Found, KnownIds } from './entry-reader.js';
import type { TagId } from './envelope.js';
import type { Flight } from './flight.js';

/** A holder that died is replaced after this; a living one renews at half of it. */
export const LEASE_MS = 2000;

export interface Lease {
  readonly slotKey: string;
  readonly token: string;
  /** Read before the load began. */
  readonly ids: readonly TagId[];
}

type Redis = NonNullable<Backend['redis']>;

/** The right to load one key, of which there is one in the fleet: asked for, renewed while the load runs, given up. */
export class Leases {
  readonly #held = new Set<() => Promise<void>>();

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
        const ids = await this.idsFor(lease.slotKey, request.tags, found.ids, idsAreFresh);
        const asked = { token: lease.token, digest: digestOf(ids), leaseMs: LEASE_MS, idsAreFresh };
        const acquired = await redis.tier.acquire(lease.slotKey, found.seenId, asked);
        if (acquired.answer === 'foreign') this.core.foundCorrupt(this.core.keyOf(lease.slotKey));
        // The running load began with other ids: read ours again, and if they still differ the lease is ours.
        else if (acquired.answer !== 'ids') return { ...acquired, ids };
      }
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      // The request may still be carried out later, and nobody would use that lease.
      redis.tier.abort(lease.slotKey, lease.token, false).catch(ignore);
      return { answer: 'unavailable' } as const;
    }
  }

  /** Takes the lease whoever holds it. */
  seize(redis: Redis, { slotKey, token, ids }: Lease): Promise<void> {
    return redis.tier.seize(slotKey, { token, digest: digestOf(ids), leaseMs: LEASE_MS });
  }

  /** The ids of the reserved and the given tags, created where missing. */
  async idsFor(slotKey: string, tags: readonly string[], known: KnownIds, isFresh: boolean): Promise<readonly TagId[]> {
    const { tagTable, redis } = this.core.backend;
    // A question that somebody asked before may be answered with an id that is gone by now.
    const source = isFresh && redis !== undefined ? redis.tier : tagTable;
    return Promise.all(
      [...this.core.reserved.of(slotKey), ...tags].map(async (tag) => {
        const id = isFresh ? undefined : (known.get(tag) ?? tagTable.known(tag));
        return { tag, id: id ?? (await source.ensure(tag)) };
      }),
    );
  }

  /** Gives up every lease this process holds, so that others need not wait for loads that will never be stored. */
  async abortAll(): Promise<void> {
    await Promise.all([...this.#held].map((abort) => abort()));
  }

  /** Renews a lease until the returned function is called. */
  keep(redis: Redis, { slotKey, token }: Lease, flight: Flight): () => void {
    const abort = (): Promise<void> => redis.tier.abort(slotKey, token, false).catch(ignore);
    this.#held.add(abort);
    const timer = setInterval(() => {
      // A load nobody waits for must not block its key: others may take the lease, and its fill is refused then.
      if (flight.isAbandoned) return;
      // A lease that cannot be renewed runs out, with the same effect.
      redis.tier.renew(slotKey, token, LEASE_MS).catch(ignore);
    }, LEASE_MS / 2);
    timer.unref();
    return () => {
      clearInterval(timer);
      this.#held.delete(abort);
    };
  }
}

function digestOf(ids: readonly TagId[]): string {
  const hash = createHash('sha1');
  for (const { tag, id } of ids) hash.update(`${tag}=${id};`);
  return hash.digest('base64url');
}

function ignore(): void {}
