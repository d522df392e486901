import { Redis } from 'ioredis';
import { BatchScript } from '../libs/redis-cache/src/redis/batch-script.js';
import { MergedCalls } from '../libs/redis-cache/src/redis/merged-calls.js';
import type { Lane } from '../libs/redis-cache/src/redis/script.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

const ADD = new BatchScript('add', 1, 2, `return redis.call('APPEND', KEYS[1], ARGV[1] .. ARGV[2])`);
const REMOVE = new BatchScript('remove', 1, 0, `return redis.call('DEL', KEYS[1])`, '#!lua flags=allow-oom\n');

let client: Redis;
let key: string;
beforeEach(() => {
  client = new Redis(testRedisUrl());
  key = uniqueNamespace();
});
afterEach(() => {
  client.disconnect();
});

/** Calls on a lane, and the commands they were sent as: script and number of calls. */
function mergedCalls(lane: Lane, { isCluster = false } = {}) {
  const commands: string[] = [];
  const calls = new MergedCalls(
    {
      isUp: true,
      isCluster,
      execute: (_lane, command, operation) => {
        commands.push(command);
        return operation(client);
      },
      refused: (error) => error as never,
    },
    lane,
  );
  return { run: calls.run.bind(calls), commands };
}

it('sends the calls of one turn as one command, and gives each its own reply', async () => {
  const { run, commands } = mergedCalls('data');
  const replies = await Promise.all([
    run(ADD, [key, 'a', '']),
    run(REMOVE, [`${key}-none`]),
    run(ADD, [`${key}-2`, 'a', 'bc']),
    run(ADD, [key, 'b', Buffer.from('c')]),
  ]);
  expect(replies).toEqual([1, 0, 3, 3]);
  expect(commands).toEqual(['add', 'remove']);
  await run(ADD, [key, 'd', '']);
  expect(commands).toEqual(['add', 'remove', 'add']);
});

it('one call that Redis refuses does not touch the others', async () => {
  await client.lpush(`${key}-list`, 'foreign');
  const { run } = mergedCalls('data');
  const replies = await Promise.allSettled([
    run(ADD, [key, 'a', '']),
    run(ADD, [`${key}-list`, 'a', '']),
    run(ADD, [key, 'b', '']),
  ]);
  expect(replies.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect((replies[1] as PromiseRejectedResult).reason).toMatchObject({ name: 'ReplyError' });
  expect(String((replies[1] as PromiseRejectedResult).reason)).toMatch(/^ReplyError: WRONGTYPE/);
  expect(await client.get(key)).toBe('ab');
});

it('keeps the order of calls on the control lane', async () => {
  const { run, commands } = mergedCalls('control');
  await Promise.all([
    run(REMOVE, [`${key}-2`]),
    run(ADD, [key, 'a', '']),
    run(ADD, [key, 'b', '']),
    run(REMOVE, [key]),
    run(ADD, [key, 'c', '']),
  ]);
  expect(await client.get(key)).toBe('c');
  expect(commands).toEqual(['remove', 'add', 'remove', 'add']);
});

it('splits what is too much for one command', async () => {
  const { run, commands } = mergedCalls('data');
  await Promise.all(Array.from({ length: 130 }, () => run(ADD, [key, 'a', ''])));
  expect(commands).toHaveLength(6);
  const large = Buffer.alloc(200 * 1024, 'x');
  await Promise.all([run(ADD, [key, large, '']), run(ADD, [key, large, '']), run(ADD, [key, large, ''])]);
  expect(commands).toHaveLength(9);
  expect(await client.strlen(key)).toBe(130 + 3 * large.length);
});

it('sends no more while many commands are unanswered, and then goes on in order', async () => {
  const { run, commands } = mergedCalls('control');
  const replies = Array.from({ length: 12 * 64 }, () => run(ADD, [key, 'a', '']));
  await new Promise((resolve) => process.nextTick(resolve));
  expect(commands).toHaveLength(22);
  expect(await Promise.all(replies)).toEqual(Array.from({ length: 12 * 64 }, (_, index) => index + 1));
  // What had to wait is joined further.
  expect(commands).toHaveLength(26);
});

it('joins in a cluster only what is in one slot', async () => {
  const { run, commands } = mergedCalls('data', { isCluster: true });
  await Promise.all([
    run(ADD, [`{${key}}:1`, 'a', '']),
    run(ADD, [`{${key}-2}:1`, 'a', '']),
    run(ADD, [`{${key}}:2`, 'a', '']),
  ]);
  expect(commands).toEqual(['add', 'add']);
});
