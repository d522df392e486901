import type { Redis } from 'ioredis';
import { Script, type ScriptArgument, type ScriptCall } from './script.js';

/**
 * A Lua script that is run for many at once: the calls of one turn of the event loop cost one command. `lua` is what one
 * of them does, with its own KEYS and ARGV; it returns anything but nil. One that fails does not touch the others.
 */
export class BatchScript extends Script {
  /** @param before stands in front once for all calls: flags such as `#!lua flags=allow-oom`, then functions */
  constructor(
    name: string,
    private readonly keysPerCall: number,
    private readonly argumentsPerCall: number,
    lua: string,
    before = '',
  ) {
    super(
      name,
      keysPerCall,
      `${before}local function call(k, a)
${shifted(lua)}
end
local replies = {}
for i = 0, #KEYS / ${keysPerCall} - 1 do
  local ok, reply = pcall(call, i * ${keysPerCall}, i * ${argumentsPerCall})
  if not ok then reply = {err = string.find(reply, '^%u+ ') and reply or 'ERR ' .. reply} end
  replies[i + 1] = reply
end
return replies`,
    );
  }

  override async run(client: Redis, keysAndArgs: readonly ScriptArgument[], isAsking = false): Promise<unknown> {
    const [reply] = await this.runAll(client, [{ keysAndArgs }], isAsking);
    if (reply instanceof Error) throw reply;
    return reply;
  }

  /** One reply for each call, an Error for one that failed. */
  async runAll(
    client: Redis,
    calls: readonly Pick<ScriptCall, 'keysAndArgs'>[],
    isAsking = false,
  ): Promise<readonly unknown[]> {
    const { keysPerCall, argumentsPerCall } = this;
    const keyCount = calls.length * keysPerCall;
    const keysAndArgs = new Array<ScriptArgument>(keyCount + calls.length * argumentsPerCall);
    calls.forEach(({ keysAndArgs: call }, index) => {
      for (let k = 0; k < keysPerCall; k++) keysAndArgs[index * keysPerCall + k] = call[k] as ScriptArgument;
      for (let a = 0; a < argumentsPerCall; a++) {
        keysAndArgs[keyCount + index * argumentsPerCall + a] = call[keysPerCall + a] as ScriptArgument;
      }
    });
    return (await this.send(client, keyCount, keysAndArgs, isAsking)) as unknown[];
  }
}

/** Reads the keys and arguments of a call where they stand: tables of its own would cost as much as its commands. */
function shifted(lua: string): string {
  return lua.replace(/KEYS\[(\d+)\]/g, 'KEYS[k + $1]').replace(/ARGV\[(\d+)\]/g, 'ARGV[a + $1]');
}
