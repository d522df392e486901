import type { CacheEngine } from '../../libs/redis-cache/src/cache/engine.js';

/** Holds up the next reply to a question for the id of tag `t` after one for key `k`, once Redis has given it. */
export function holdIdReply(engine: CacheEngine): { isHeld: () => boolean; release: () => void } {
  const connection = engine.connection();
  const shard = connection?.shardOf('u:t');
  const nth = connection?.shardOf('default:k') === shard ? 2 : 1;
  let isHeld = false;
  let count = 0;
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  if (shard === undefined) throw new Error('The connection has no server yet.');
  const execute = shard.execute.bind(shard);
  shard.execute = async (lane, command, operation) => {
    const isTheOne = command === 'MGET' && ++count === nth;
    const reply = await execute(lane, command, operation);
    if (isTheOne) {
      isHeld = true;
      await gate;
    }
    return reply;
  };
  return { isHeld: () => isHeld, release: () => release() };
}
