import type { Redis } from 'ioredis';
import { Script, type ScriptArgument } from './script.js';

/**
 * A Lua script that is run for many at once: the calls of one turn of the event loop cost one command. `lua` is what one
 * of them does, with its own KEYS and ARGV; it returns anything but nil. One that fails does not touch the others.
 */
export class BatchScript extends Script {
  /** @param flags a first line such as `#!lua flags=allow-oom` */
  constructor(
    name: string,
    private readonly keysPerCall: number,
    private readonly argumentsPerCall: number,
    lua: string,
    flags = '',
  ) {
    super(
      name,
      keysPerCall,
      `${flags}local function call(KEYS, ARGV)
${lua}
end
local replies = {}
for i = 0, #KEYS / ${keysPerCall} - 1 do
  local keys, arguments = {}, {}
  for k = 1, ${keysPerCall} do keys[k] = KEYS[i * ${keysPerCall} + k] end
  for a = 1, ${argumentsPerCall} do arguments[a] = ARGV[i * ${argumentsPerCall} + a] end
  local ok, reply = pcall(call, keys, arguments)
  if not ok then reply = {err = string.find(reply, '^%u+ ') and reply or 'ERR ' .. reply} end
  replies[i + 1] = reply
end
return replies`,
    );
  }

  override async run(client: Redis, keysAndArgs: readonly ScriptArgument[], isAsking = false): Promise<unknown> {
    const [reply] = await this.runAll(client, [keysAndArgs], isAsking);
    if (reply instanceof Error) throw reply;
    return reply;
  }

  /** One reply for each call, an Error for one that failed. */
  async runAll(
    client: Redis,
    calls: readonly (readonly ScriptArgument[])[],
    isAsking = false,
  ): Promise<readonly unknown[]> {
    const { keysPerCall, argumentsPerCall } = this;
    const keyCount = calls.length * keysPerCall;
    const keysAndArgs = new Array<ScriptArgument>(keyCount + calls.length * argumentsPerCall);
    calls.forEach((call, index) => {
      for (let k = 0; k < keysPerCall; k++) keysAndArgs[index * keysPerCall + k] = call[k] as ScriptArgument;
      for (let a = 0; a < argumentsPerCall; a++) {
        keysAndArgs[keyCount + index * argumentsPerCall + a] = call[keysPerCall + a] as ScriptArgument;
      }
    });
    return (await this.send(client, keyCount, keysAndArgs, isAsking)) as unknown[];
  }
}
