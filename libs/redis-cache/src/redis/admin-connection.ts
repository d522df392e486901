import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { Timeouts } from './connection-options.js';
import { parseInfo } from './server-facts.js';

/** The primary whose server is looked at. */
interface Owner {
  create(): Redis;
  discard(client: Redis): void;
  /** @throws RedisUnavailableError while the server is not used */
  refuseUnlessUp(): void;
  /** Bounds a reply in time and translates its error. */
  settled<T>(command: string, reply: Promise<T>, budgetMs: number): Promise<T>;
}

const SCAN_TIMEOUT_MS = 5000;
/** Keys that Redis looks at in one turn, which takes it less than a millisecond. */
const SCAN_KEYS = 2000;
/** The same where somebody looks at the page. */
const PAGE_KEYS = 1000;

/** For commands that look at the whole server, which nobody else should wait behind; opened when it is first needed. */
export class AdminConnection {
  #client: Redis | undefined;

  constructor(
    private readonly owner: Owner,
    private readonly timeouts: Timeouts,
  ) {}

  /** Calls `onKeys` with each page of keys of this server that match `glob`; a key may come twice. `signal` ends it early. */
  async scan(glob: string, onKeys: (keys: string[]) => Promise<void>, signal?: AbortSignal): Promise<void> {
    const client = await this.#open();
    let page = this.#page(client, glob, '0', SCAN_KEYS);
    let earlier = Promise.resolve();
    let working = Promise.resolve();
    for (let isLast = false; !isLast;) {
      const [cursor, keys] = await page;
      isLast = cursor === '0' || signal?.aborted === true;
      // The next page is on its way meanwhile, and Redis has work of two pages, so that it need not wait for this process.
      if (!isLast) page = handled(this.#page(client, glob, cursor, SCAN_KEYS));
      await earlier;
      earlier = working;
      if (keys.length > 0) working = handled(onKeys(keys));
    }
    await Promise.all([earlier, working]);
  }

  /** One page of keys that match `glob`, which Redis may find again on a later one; cursor `0` begins, and ends. */
  async page(glob: string, cursor: string): Promise<[next: string, keys: string[]]> {
    const client = await this.#open();
    return this.#page(client, glob, cursor, PAGE_KEYS);
  }

  /** One section of INFO as a table. */
  async info(section: string): Promise<Map<string, string>> {
    const client = await this.#open();
    return parseInfo(await this.owner.settled('INFO', client.info(section), this.timeouts.controlMs));
  }

  async keyCount(): Promise<number> {
    const client = await this.#open();
    return this.owner.settled('DBSIZE', client.dbsize(), this.timeouts.controlMs);
  }

  /** How many commands its slow log holds. */
  async slowLogLength(): Promise<number> {
    const client = await this.#open();
    return Number(await this.owner.settled('SLOWLOG', client.slowlog('LEN'), this.timeouts.controlMs));
  }

  close(): void {
    if (this.#client !== undefined) this.owner.discard(this.#client);
  }

  #page(client: Redis, glob: string, cursor: string, count: number): Promise<[next: string, keys: string[]]> {
    return this.owner.settled('SCAN', client.scan(cursor, 'MATCH', glob, 'COUNT', count), SCAN_TIMEOUT_MS);
  }

  async #open(): Promise<Redis> {
    this.owner.refuseUnlessUp();
    const client = (this.#client ??= this.owner.create());
    if (client.status !== 'ready') {
      const ready = client.status === 'wait' || client.status === 'end' ? client.connect() : once(client, 'ready');
      await this.owner.settled('connect', ready as Promise<unknown>, this.timeouts.connectMs);
    }
    return client;
  }
}

/** Its failure is thrown where it is awaited, which may be later than it comes. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
