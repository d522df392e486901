import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAsking } from './redirection.js';

/** `data` for reads and loads, `control` for what must not wait behind them. */
export type Lane = 'data' | 'control';

export type ScriptArgument = string | number | Buffer;

/** A call of a script. Told once, never at once, what Redis said or why nobody knows; must not throw. */
export interface ScriptCall {
  readonly keysAndArgs: readonly ScriptArgument[];
  replied(reply: unknown): void;
  failed(error: unknown): void;
}

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

  /** @param isAsking whether the key is on its way to this node of a cluster */
  run(client: Redis, keysAndArgs: readonly ScriptArgument[], isAsking = false): Promise<unknown> {
    return this.send(client, this.keyCount, keysAndArgs, isAsking);
  }

  protected async send(
    client: Redis,
    keyCount: number,
    keysAndArgs: readonly ScriptArgument[],
    isAsking: boolean,
  ): Promise<unknown> {
    const call = (name: string, script: string): Promise<unknown> => {
      const send = () => client.callBuffer(name, script, keyCount, ...keysAndArgs);
      return isAsking ? afterAsking(client, send) : send();
    };
    try {
      return await call('EVALSHA', this.sha1);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return call('EVAL', this.lua);
    }
  }
}

/** What is carried out by the server that has its first key. */
export interface KeyCommand {
  readonly name: string;
  run(client: Redis, keysAndArgs: readonly ScriptArgument[], isAsking?: boolean): Promise<unknown>;
}

/** Removes keys of one slot. Reply: how many there were. */
export const UNLINK: KeyCommand = {
  name: 'unlink',
  run: (client, keys, isAsking = false) => {
    const send = () => client.unlink(keys as string[]);
    return isAsking ? afterAsking(client, send) : send();
  },
};

/** A script of which every argument is a key, as many as there are. */
export class ListScript extends Script {
  /** @param flags a first line such as `#!lua flags=allow-oom` */
  constructor(name: string, lua: string, flags = '') {
    super(name, 0, flags + lua);
  }

  override run(client: Redis, keys: readonly ScriptArgument[], isAsking = false): Promise<unknown> {
    return this.send(client, keys.length, keys, isAsking);
  }
}
