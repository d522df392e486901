import type { CacheEngine } from '../../libs/redis-cache/src/cache/engine.js';

/**
 * Holds up the next reply to a read, or to a script, on its way to an engine once Redis has given it.
 *
 * @param command `get`, or the name of a script
 * @param key what is read, or the first key of the script, without its namespace: `e:{default:k}`, `t:{u:t}`
 */
export function holdReply(
  engine: CacheEngine,
  command: string,
  key: string,
): { isHeld: () => boolean; release: () => void } {
  const connection = engine.connection();
  if (connection === undefined) throw new Error('The engine has no Redis.');
  let isAsked = false;
  let isHeld = false;
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const passed = async <T>(asked: string, redisKey: string, reply: Promise<T>): Promise<T> => {
    if (isAsked || asked !== command || !redisKey.endsWith(`:${key}`)) return reply;
    isAsked = true;
    const answer = await reply;
    isHeld = true;
    await gate;
    return answer;
  };
  const [get, run] = [connection.get.bind(connection), connection.run.bind(connection)];
  connection.get = (redisKey) => passed('get', redisKey, get(redisKey));
  connection.run = (lane, script, keysAndArgs) =>
    passed(script.name, String(keysAndArgs[0]), run(lane, script, keysAndArgs));
  return { isHeld: () => isHeld, release: () => release() };
}
