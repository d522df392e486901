import type { CacheEngine } from '../cache/engine.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import type { Clock } from '../time.js';

/** What the servers of a connection say of themselves, added up where there are several primaries. */
export interface ServerFigures {
  readonly usedMemoryBytes: number;
  /** 0 means no limit. */
  readonly maxMemoryBytes: number;
  readonly evictedKeys: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
}

/** A scrape does not wait longer for a Redis that does not answer. */
const DEADLINE_MS = 500;

/** INFO of each connection, asked for at most once in `maxAgeMs` whoever wants to know. */
export class ServerInfo {
  #latest: Promise<Map<string, ServerFigures>> | undefined;
  #askedAtMs = -Infinity;

  constructor(
    private readonly engine: CacheEngine,
    private readonly maxAgeMs: number,
    private readonly clock: Clock,
  ) {}

  /** By connection; one that does not tell, because it is down or may not, is left out. */
  figures(): Promise<Map<string, ServerFigures>> {
    const nowMs = this.clock.nowMs();
    if (this.#latest === undefined || nowMs - this.#askedAtMs >= this.maxAgeMs) {
      this.#askedAtMs = nowMs;
      this.#latest = this.#ask();
    }
    return this.#latest;
  }

  async #ask(): Promise<Map<string, ServerFigures>> {
    const ended = new AbortController();
    const deadline = this.clock.sleep(DEADLINE_MS, ended.signal);
    const figures = new Map<string, ServerFigures>();
    const answers = this.engine.connectionStates().map(async ({ name, isUp }) => {
      const connection = this.engine.connection(name);
      if (connection !== undefined && isUp) figures.set(name, await figuresOf(connection));
    });
    await Promise.race([Promise.allSettled(answers), deadline]);
    ended.abort();
    // A copy: what arrives after the deadline belongs to no answer.
    return new Map(figures);
  }
}

async function figuresOf({ shards }: RedisConnection): Promise<ServerFigures> {
  const infos = await Promise.all(shards.flatMap(({ admin }) => [admin.info('memory'), admin.info('stats')]));
  const sum = (field: string): number => infos.reduce((total, info) => total + Number(info.get(field) ?? 0), 0);
  return {
    usedMemoryBytes: sum('used_memory'),
    maxMemoryBytes: sum('maxmemory'),
    evictedKeys: sum('evicted_keys'),
    keyspaceHits: sum('keyspace_hits'),
    keyspaceMisses: sum('keyspace_misses'),
  };
}
