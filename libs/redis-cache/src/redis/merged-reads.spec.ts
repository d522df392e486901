import type { Redis } from 'ioredis';
import { systemClock } from '../time.js';
import { MergedReads, type ValueReceiver } from './merged-reads.js';

/** A primary that answers when told to, and the keys of the commands it got. */
function primary() {
  const commands: string[][] = [];
  const answers: (() => void)[] = [];
  const client = {
    mgetBuffer: (keys: string[]) => {
      commands.push(keys);
      return new Promise((resolve) => {
        answers.push(() => {
          resolve(keys.map((key) => Buffer.from(key)));
        });
      });
    },
  } as unknown as Redis;
  const target = {
    isUp: true,
    isCluster: false,
    execute: <T>(_lane: string, _command: string, operation: (client: Redis) => Promise<T>) => operation(client),
  };
  const reads = new MergedReads(target, systemClock);
  const received: { key: string; value: string; atMs: number }[] = [];
  const receiver = (key: string): ValueReceiver => ({
    redisKey: key,
    received: (value, atMs) => received.push({ key, value: String(value), atMs }),
    failed: (error) => {
      throw error;
    },
  });
  const ask = (count: number, from = 0): void => {
    for (let index = from; index < from + count; index++) reads.ask(receiver(`key ${index}`));
  };
  const askAll = (count: number): void => {
    reads.askAll(Array.from({ length: count }, (_, index) => receiver(`batch ${index}`)));
  };
  return { commands, answers, received, ask, askAll };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('merged reads', () => {
  it('are one command for a turn, and each gets its value', async () => {
    const { commands, answers, received, ask } = primary();
    ask(3);
    expect(commands).toEqual([]);
    await turn();
    expect(commands).toEqual([['key 0', 'key 1', 'key 2']]);
    answers[0]!();
    await turn();
    expect(received.map(({ key, value }) => [key, value])).toEqual([
      ['key 0', 'key 0'],
      ['key 1', 'key 1'],
      ['key 2', 'key 2'],
    ]);
  });

  it('are sent before the end of the turn when there are enough for a command', async () => {
    const { commands, ask } = primary();
    ask(31);
    expect(commands).toHaveLength(0);
    ask(40, 31);
    expect(commands.map((keys) => keys.length)).toEqual([32, 32]);
    await turn();
    expect(commands.map((keys) => keys.length)).toEqual([32, 32, 7]);
  });

  it('of a batch are sent at once, by 128, and leave those of the turn to its end', async () => {
    const { commands, ask, askAll } = primary();
    ask(2);
    askAll(300);
    expect(commands.map((keys) => keys.length)).toEqual([128, 128, 44]);
    await turn();
    expect(commands.at(-1)).toEqual(['key 0', 'key 1']);
  });

  it('and batches take turns when they have to wait', async () => {
    const { commands, answers, ask, askAll } = primary();
    askAll(18 * 128);
    ask(33);
    await turn();
    expect(commands).toHaveLength(16);
    answers[0]!();
    await turn();
    answers[1]!();
    await turn();
    expect(commands.slice(16).map(([key]) => key)).toEqual(['key 0', expect.stringContaining('batch')]);
  });

  it('wait while sixteen commands are not answered, and go on with each answer', async () => {
    const { commands, answers, received, ask } = primary();
    ask(1000);
    await turn();
    expect(commands).toHaveLength(16);
    for (let index = 0; index < commands.length; index++) {
      answers[index]!();
      await turn();
    }
    expect(received).toHaveLength(1000);
  });

  it('of one reply are judged by one look at the clock', async () => {
    const { answers, received, ask } = primary();
    ask(20);
    await turn();
    answers[0]!();
    await turn();
    expect(new Set(received.map(({ atMs }) => atMs)).size).toBe(1);
  });
});
