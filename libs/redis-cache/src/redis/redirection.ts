import type { Redis } from 'ioredis';
import { RedisRefusedError } from '../errors.js';
import type { RedisNode } from './connection-options.js';

/** A node of a cluster says that another one has the slot: for good (`MOVED`) or for this one command (`ASK`). */
export class RedirectedError extends RedisRefusedError {
  constructor(
    reply: 'MOVED' | 'ASK',
    readonly slot: number,
    /** `host` is empty when it is that of the node which answered. */
    readonly node: Required<RedisNode>,
  ) {
    super(reply, `The slot of the key is served by another node (${reply}).`);
  }

  get isAsk(): boolean {
    return this.reply === 'ASK';
  }
}

/** A command after ASKING, both sent in one turn: it holds for the next command of the connection only. */
export async function afterAsking<T>(client: Redis, command: () => Promise<T>): Promise<T> {
  const [, reply] = await Promise.all([client.asking(), command()]);
  return reply;
}

/** Reads `MOVED 3999 127.0.0.1:6381`; an IPv6 address stands there without brackets. */
export function redirectionOf(message: string): RedirectedError | undefined {
  const [, reply, slot, host, port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message) ?? [];
  if (reply === undefined || host === undefined) return undefined;
  return new RedirectedError(reply as 'MOVED' | 'ASK', Number(slot), { host, port: Number(port) });
}
