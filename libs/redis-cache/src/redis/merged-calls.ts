import type { Redis } from 'ioredis';
import { type RedisCacheError, RedisUnavailableError } from '../errors.js';
import type { BatchScript } from './batch-script.js';
import type { Lane, ScriptArgument } from './script.js';
import { groupBySlot } from './slots.js';

/** Calls of one script, and their bytes: a longer one would hold up the server and the replies behind it. */
const MAX_CALLS = 64;
const MAX_BYTES = 256 * 1024;
/**
 * Further calls wait while so many are not answered, so that no turn has thousands of replies to work off. Not counted in
 * commands: in a cluster, where calls rarely share a slot, nearly each is one of its own.
 */
const MAX_OUTSTANDING = 8 * MAX_CALLS;

/** The primary that runs the script. */
interface Target {
  readonly isUp: boolean;
  readonly isCluster: boolean;
  execute<T>(lane: Lane, command: string, operation: (client: Redis) => Promise<T>): Promise<T>;
  /** Reports what Redis said to one call. */
  refused(error: Error, command: string): RedisCacheError;
}

interface PendingCall {
  readonly keysAndArgs: readonly ScriptArgument[];
  readonly bytes: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly script: BatchScript;
  readonly calls: PendingCall[];
}

/**
 * Sends the calls that one turn of the event loop makes of a script as one; in a cluster, those of one slot. On the control
 * lane the order of calls is kept, so that only those are joined that follow one another.
 */
export class MergedCalls {
  #batches: Batch[] = [];
  readonly #waiting: Batch[] = [];
  #outstanding = 0;

  constructor(
    private readonly target: Target,
    private readonly lane: Lane,
  ) {}

  /** Rejects as `Shard.execute` does, and with `RedirectedError` when another node of the cluster has the key. */
  run(script: BatchScript, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.target.isUp) {
        reject(new RedisUnavailableError(`Redis is down: ${script.name} was not sent.`));
        return;
      }
      const call = { keysAndArgs, bytes: payloadBytes(keysAndArgs), resolve, reject };
      const batch =
        this.lane === 'control' ? this.#batches.at(-1) : this.#batches.find((each) => each.script === script);
      if (batch?.script === script) batch.calls.push(call);
      else if (this.#batches.push({ script, calls: [call] }) === 1) {
        process.nextTick(() => {
          this.#flush();
        });
      }
    });
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = [];
    for (const { script, calls } of batches) {
      for (const group of this.target.isCluster
        ? groupBySlot(calls, ({ keysAndArgs }) => String(keysAndArgs[0]))
        : [calls])
        this.#cut(script, group);
    }
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (this.#outstanding < MAX_OUTSTANDING) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      void this.#send(next.script, next.calls);
    }
  }

  /** Into commands that are not too long. What waits already and would go just before them goes with them. */
  #cut(script: BatchScript, added: PendingCall[]): void {
    const last = this.target.isCluster ? undefined : this.#waiting.at(-1);
    if (last?.script === script) this.#waiting.pop();
    const calls = last?.script === script ? [...last.calls, ...added] : added;
    let from = 0;
    let bytes = 0;
    for (let index = 0; index < calls.length; index++) {
      const call = calls[index] as PendingCall;
      if (index > from && (index - from >= MAX_CALLS || bytes + call.bytes > MAX_BYTES)) {
        this.#waiting.push({ script, calls: calls.slice(from, index) });
        from = index;
        bytes = 0;
      }
      bytes += call.bytes;
    }
    this.#waiting.push({ script, calls: from === 0 ? calls : calls.slice(from) });
  }

  async #send(script: BatchScript, calls: readonly PendingCall[]): Promise<void> {
    this.#outstanding += calls.length;
    try {
      const replies = await this.target.execute(this.lane, script.name, (client) =>
        script.runAll(
          client,
          calls.map(({ keysAndArgs }) => keysAndArgs),
        ),
      );
      for (let index = 0; index < calls.length; index++) {
        const { resolve, reject } = calls[index] as PendingCall;
        const reply = replies[index];
        if (reply instanceof Error) reject(this.target.refused(reply, script.name));
        else resolve(reply);
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      this.#outstanding -= calls.length;
      this.#sendWaiting();
    }
  }
}

function payloadBytes(keysAndArgs: readonly ScriptArgument[]): number {
  let bytes = 0;
  for (const argument of keysAndArgs) if (typeof argument === 'object') bytes += argument.length;
  return bytes;
}
