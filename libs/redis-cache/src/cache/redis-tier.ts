import type { Keyspace } from '../redis/keyspace.js';
import type { ValueReceiver } from '../redis/merged-reads.js';
import type { JournalItem } from '../redis/journal.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { UNLINK } from '../redis/script.js';
import type { Shard } from '../redis/shard.js';
import {
  ABORT,
  ACQUIRE,
  ENSURE_TAG,
  EXPIRE,
  FILL,
  INVALIDATE,
  INVALIDATE_ALL,
  INVALIDATE_TAG,
  JUDGE,
  PUT,
  RENEW,
  SEIZE,
} from './entry-scripts.js';
import { groupBySlot } from '../redis/slots.js';
import { ENTRY_ID_BYTES, entryIdOf, randomId } from './envelope.js';
import type { TagIds } from './tag-table.js';

/** How long a load whose result is not stored tells the fleet not to queue up behind the next one. */
const PASS_MS = 1000;

/** Entries of one command; a longer one would hold up the server. */
const MAX_KEYS = 200;

export type Acquired =
  | { answer: 'entry'; raw: Buffer }
  | { answer: 'granted' }
  | { answer: 'pass' }
  | { answer: 'held'; remainingMs: number }
  | { answer: 'ids' }
  | { answer: 'foreign' };

/**
 * What is stored in Redis (L2): one method per script, keys in, replies out. Every method rejects with
 * `RedisUnavailableError` or `RedisRefusedError`; nothing here decides what that means.
 */
export class RedisTier implements TagIds {
  constructor(
    private readonly connection: RedisConnection,
    private readonly keyspace: Keyspace,
    /** No entry outlives it, so neither need an id. */
    private readonly maxTtlMs: number,
  ) {}

  entryKey(slotKey: string): string {
    return this.keyspace.of('e', slotKey);
  }

  get(slotKey: string): Promise<Buffer | null> {
    return this.connection.get(this.entryKey(slotKey));
  }

  /** Like `get`, without a promise; the receiver knows the key. */
  ask(receiver: ValueReceiver): void {
    this.connection.ask(receiver);
  }

  askAll(receivers: readonly ValueReceiver[]): void {
    this.connection.askAll(receivers);
  }

  /** Whether somebody loads the entry, or did a moment ago. */
  async hasLease(slotKey: string): Promise<boolean> {
    return (await this.connection.get(this.keyspace.of('l', slotKey))) !== null;
  }

  acquire(
    slotKey: string,
    seen: Buffer | null,
    lease: { token: string; digest: string; idsAreFresh: boolean },
  ): Promise<Acquired> {
    const keysAndArgs = [
      this.keyspace.of('e', slotKey),
      this.keyspace.of('l', slotKey),
      idOf(seen),
      leaseText(lease),
      lease.idsAreFresh ? '1' : '0',
    ];
    return new Promise((resolve, failed) => {
      const replied = (reply: unknown): void => {
        resolve(acquiredOf(reply));
      };
      this.connection.askScript('data', ACQUIRE, { keysAndArgs, replied, failed });
    });
  }

  async seize(slotKey: string, lease: { token: string; digest: string }): Promise<void> {
    const keys = this.keyspace.entryKeys(slotKey).slice(0, 2);
    await this.connection.run('data', SEIZE, [...keys, leaseText(lease)]);
  }

  fill(slotKey: string, token: string, record: Buffer, lifetimeMs: number): Promise<boolean> {
    const keysAndArgs = [
      this.keyspace.of('e', slotKey),
      this.keyspace.of('l', slotKey),
      token,
      record,
      Math.ceil(lifetimeMs),
    ];
    return new Promise((resolve, failed) => {
      const replied = (reply: unknown): void => {
        resolve(reply === 1);
      };
      this.connection.askScript('data', FILL, { keysAndArgs, replied, failed });
    });
  }

  /** Like all that keeps or ends a lease it must not wait behind the fills that need the lease. */
  async renew(slotKey: string, token: string, leaseMs: number): Promise<boolean> {
    return (await this.connection.run('control', RENEW, [this.keyspace.of('l', slotKey), token, leaseMs])) === 1;
  }

  async abort(slotKey: string, token: string, pass: boolean): Promise<void> {
    const [, lease, , wake] = this.keyspace.entryKeys(slotKey);
    await this.connection.run('control', ABORT, [lease, wake, token, pass ? PASS_MS : 0]);
  }

  /** `false` when Redis found that the caller must have given up: nothing was stored then. */
  async put(slotKey: string, record: Buffer, lifetimeMs: number, notAfterMs: number): Promise<boolean> {
    const keys = this.keyspace.entryKeys(slotKey).slice(0, 2);
    const args = [record, Math.ceil(lifetimeMs), notAfterMs.toFixed(3)];
    return (await this.connection.run('control', PUT, [...keys, ...args])) === 1;
  }

  async expire(slotKey: string): Promise<boolean> {
    return (await this.connection.runDurably(EXPIRE, this.keyspace.entryKeys(slotKey).slice(0, 3))) === 1;
  }

  async invalidate(slotKey: string): Promise<boolean> {
    return (await this.connection.runDurably(INVALIDATE, this.keyspace.entryKeys(slotKey).slice(0, 3))) === 1;
  }

  /**
   * Removes what a scan found, and cancels its loads. Says how many entries there were. An entry needs no script: a load
   * that saw it cannot store any more.
   */
  async invalidateFound({ entries, leases }: FoundKeys): Promise<number> {
    const leaseKeys = (slotKeys: readonly string[]): string[] =>
      (['e', 'l', 'xe'] as const).flatMap((kind) => slotKeys.map((slotKey) => this.keyspace.of(kind, slotKey)));
    const counts = await Promise.all([
      ...this.#chunks(entries).map((chunk) => this.connection.runDurably(UNLINK, chunk)),
      ...this.#chunks(leases).map((chunk) => this.connection.runDurably(INVALIDATE_ALL, leaseKeys(chunk))),
    ]);
    return (counts as number[]).reduce((sum, count) => sum + count, 0);
  }

  /** What may go to Redis in one command. */
  #chunks(keys: readonly string[]): string[][] {
    const groups = this.connection.isCluster ? groupBySlot(keys, (key) => key) : [keys];
    return groups.flatMap((group) => chunks(group, MAX_KEYS));
  }

  async invalidateTag(tag: string): Promise<void> {
    await this.connection.runDurably(INVALIDATE_TAG, this.keyspace.tagKeys(tag));
  }

  /** Carries out what the journal holds. */
  async replay(item: JournalItem): Promise<void> {
    await (item.kind === 'tag' ? this.invalidateTag(item.name) : this.invalidate(item.name));
  }

  /** The same on a server that is not used yet. */
  async replayOn(shard: Shard, item: JournalItem): Promise<void> {
    const [script, keys] =
      item.kind === 'tag'
        ? ([INVALIDATE_TAG, this.keyspace.tagKeys(item.name)] as const)
        : ([INVALIDATE, this.keyspace.entryKeys(item.name).slice(0, 3)] as const);
    await shard.recoverWith(script.name, (client) => script.run(client, keys));
  }

  /**
   * Says of a server that is not used yet whether its data may be old, for the entries that go with one copy of the
   * namespace's id; that copy is then removed, unless somebody has done it for this run already.
   */
  async judge(shard: Shard, namespaceCopy: string, runId: string, mayBeOld: boolean): Promise<void> {
    const keys = [...this.keyspace.tagKeys(namespaceCopy), this.keyspace.judgedKey(namespaceCopy, runId)];
    const args = [mayBeOld ? '1' : '0', this.maxTtlMs];
    if (this.connection.shardOf(namespaceCopy) !== shard)
      await this.connection.run('control', JUDGE, [...keys, ...args]);
    else await shard.recoverWith(JUDGE.name, (client) => JUDGE.run(client, [...keys, ...args]));
  }

  /** Notes that look idle are evicted first; without this one the next process would take the data for unknown. */
  async touchJudgement(namespaceCopy: string, runId: string): Promise<void> {
    await this.connection.get(this.keyspace.judgedKey(namespaceCopy, runId));
  }

  async read(tag: string): Promise<string | undefined> {
    const id = await this.connection.get(this.keyspace.of('t', tag));
    return id?.length === ENTRY_ID_BYTES ? id.toString('latin1') : undefined;
  }

  async ensure(tag: string): Promise<string> {
    const lifetimeMs = tag.startsWith('u:') ? this.maxTtlMs : 0;
    const id = await this.connection.run('data', ENSURE_TAG, [this.keyspace.of('t', tag), randomId(), lifetimeMs]);
    return (id as Buffer).toString('latin1');
  }

  /** Calls `onFound` with the entries and leases of a cache that match the glob and are meant, page by page. */
  async scan({ storedName, glob, isMeant }: KeySearch, onFound: (found: FoundKeys) => Promise<void>): Promise<void> {
    const slotPrefix = `${storedName}:`;
    const entryHead = this.keyspace.entryHead(slotPrefix);
    const slotKeyAt = entryHead.length - slotPrefix.length;
    await this.connection.scan(this.keyspace.entryGlob(slotPrefix + glob), async (redisKeys) => {
      const slotKeys: string[] = [];
      const entries: string[] = [];
      const leases: string[] = [];
      for (const redisKey of redisKeys) {
        if (!isMeant(redisKey.slice(entryHead.length, -1))) continue;
        const slotKey = redisKey.slice(slotKeyAt, -1);
        slotKeys.push(slotKey);
        if (redisKey.startsWith(entryHead)) entries.push(redisKey);
        else leases.push(slotKey);
      }
      if (slotKeys.length > 0) await onFound({ slotKeys, entries, leases });
    });
  }
}

const GRANTED: Acquired = { answer: 'granted' };

function acquiredOf(reply: unknown): Acquired {
  if (reply === 1) return GRANTED;
  const [answer, detail] = reply as [Buffer, unknown];
  const name = answer.toString('latin1') as Exclude<Acquired['answer'], 'granted'>;
  if (name === 'entry') return { answer: name, raw: detail as Buffer };
  if (name === 'held') return { answer: name, remainingMs: Math.max(0, Number(detail)) };
  return { answer: name };
}

/** What a lease holds but for the id of the entry seen, which the script puts behind it. */
function leaseText({ token, digest }: { token: string; digest: string }): string {
  return `${token}|${digest}|`;
}

interface KeySearch {
  readonly storedName: string;
  /** Finds keys, perhaps too many: `isMeant` decides. */
  readonly glob: string;
  readonly isMeant: (key: string) => boolean;
}

interface FoundKeys {
  readonly slotKeys: readonly string[];
  /** Those of entries, as they stand in Redis. */
  readonly entries: readonly string[];
  /** The slot keys of leases. */
  readonly leases: readonly string[];
}

/** A command without a Buffer is one text; what stands where an id should be may be anything. */
function idOf(raw: Buffer | null): string | Buffer {
  const text = raw === null ? '' : entryIdOf(raw);
  return /^[\w-]*$/.test(text) ? text : Buffer.from(text, 'latin1');
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}
