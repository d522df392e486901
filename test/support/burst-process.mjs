// @ts-check
// A process that stores a batch of thousands and reads it again, and tells its parent what became of it and of the breaker.
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheEngine } from 'nestjs-rcache';

const [connection = '', namespace, count] = process.argv.slice(2);
const keys = Array.from({ length: Number(count) }, (_, index) => `k${index}`);
const engine = new CacheEngine({ connection: JSON.parse(connection), namespace, startTimeout: '5s' });
await engine.start();
while (!engine.connectionStates().every(({ link }) => link === 'trusted')) await sleep(5);

await engine.defaultCache.getOrSetMany(keys, (missing) => new Map(missing.map((key) => [key, key])));
const values = await engine.defaultCache.getMany(keys);
const stored = values.filter((value) => value !== undefined).length;
process.send?.({ breaker: engine.connectionStates()[0]?.breaker, stored });
await engine.close();
process.disconnect();
