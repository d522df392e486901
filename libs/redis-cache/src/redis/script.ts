import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * A Lua script. Run by its SHA-1 and sent whole once per server that does not know it (a restart, `SCRIPT FLUSH`), so
 * it must be run alone: never inside MULTI or a pipeline, where a resend would lose the order.
 */
export class Script {
  readonly sha1: string;

  constructor(
    readonly name: string,
    readonly keyCount: number,
    readonly lua: string,
  ) {
    this.sha1 = createHash('sha1').update(lua).digest('hex');
  }

  async run(client: Redis, keysAndArgs: readonly (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await client.callBuffer('EVALSHA', this.sha1, this.keyCount, ...keysAndArgs);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return client.callBuffer('EVAL', this.lua, this.keyCount, ...keysAndArgs);
    }
  }
}
