import type { Redis } from 'ioredis';
import { type RedisCacheError, RedisUnavailableError } from '../errors.js';
import type { BatchScript } from './batch-script.js';
import type { Lane, ScriptArgument, ScriptCall } from './script.js';
import { sendNow } from './send-together.js';
import { groupBySlot } from './slots.js';

/** Calls of one script, and their bytes: a longer one would hold up the server and the replies behind it. */
const MAX_CALLS = 64;
const MAX_BYTES = 256 * 1024;
/** So many do not wait for the end of the turn: Redis runs them while this process makes the next. */
const ENOUGH_CALLS = 24;
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

interface Batch {
  readonly script: BatchScript;
  readonly calls: ScriptCall[];
}

/**
 * Sends the calls that one turn of the event loop makes of a script as one or a few; in a cluster, those of one slot. On
 * the control lane the order of calls is kept, so that only those are joined that follow one another.
 */
export class MergedCalls {
  #batches: Batch[] = [];
  readonly #waiting: Batch[] = [];
  #outstanding = 0;

  constructor(
    private readonly target: Target,
    private readonly lane: Lane,
  ) {}

  /** Like `ask`, with a promise. */
  run(script: BatchScript, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    return new Promise((replied, failed) => {
      this.ask(script, { keysAndArgs, replied, failed });
    });
  }

  /** Fails as `Shard.execute` rejects, and with `RedirectedError` when another node of the cluster has the key. */
  ask(script: BatchScript, call: ScriptCall): void {
    if (!this.target.isUp) {
      queueMicrotask(() => {
        call.failed(new RedisUnavailableError(`Redis is down: ${script.name} was not sent.`));
      });
      return;
    }
    let batch = this.lane === 'control' ? this.#batches.at(-1) : this.#batches.find((each) => each.script === script);
    if (batch?.script !== script) {
      batch = { script, calls: [] };
      if (this.#batches.push(batch) === 1) {
        process.nextTick(() => {
          this.#flush();
        });
      }
    }
    if (batch.calls.push(call) >= ENOUGH_CALLS) this.#flush();
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
  #cut(script: BatchScript, added: ScriptCall[]): void {
    const last = this.target.isCluster ? undefined : this.#waiting.at(-1);
    if (last?.script === script) this.#waiting.pop();
    const calls = last?.script === script ? [...last.calls, ...added] : added;
    let from = 0;
    let bytes = 0;
    for (let index = 0; index < calls.length; index++) {
      const added = payloadBytes((calls[index] as ScriptCall).keysAndArgs);
      if (index > from && (index - from >= MAX_CALLS || bytes + added > MAX_BYTES)) {
        this.#waiting.push({ script, calls: calls.slice(from, index) });
        from = index;
        bytes = 0;
      }
      bytes += added;
    }
    this.#waiting.push({ script, calls: from === 0 ? calls : calls.slice(from) });
  }

  async #send(script: BatchScript, calls: readonly ScriptCall[]): Promise<void> {
    this.#outstanding += calls.length;
    try {
      const replies = await this.target.execute(this.lane, script.name, (client) => {
        const answer = script.runAll(client, calls);
        if (calls.length >= ENOUGH_CALLS) sendNow(client);
        return answer;
      });
      for (let index = 0; index < calls.length; index++) {
        const call = calls[index] as ScriptCall;
        const reply = replies[index];
        if (reply instanceof Error) call.failed(this.target.refused(reply, script.name));
        else call.replied(reply);
      }
    } catch (error) {
      for (const call of calls) call.failed(error);
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
