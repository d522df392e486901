import { BatchScript } from './batch-script.js';
import { MergedCalls } from './merged-calls.js';

const SCRIPT = new BatchScript('touch', 1, 0, 'return 1');

/** A primary that never answers. */
function silent(isCluster: boolean) {
  let commands = 0;
  const target = {
    isUp: true,
    isCluster,
    execute: <T>(): Promise<T> => {
      commands += 1;
      return new Promise(() => undefined);
    },
    refused: () => {
      throw new Error('nobody answers');
    },
  };
  return { target, commands: () => commands };
}

async function sent(isCluster: boolean, calls: number): Promise<number> {
  const { target, commands } = silent(isCluster);
  const merged = new MergedCalls(target, 'data');
  for (let call = 0; call < calls; call++) void merged.run(SCRIPT, [`key ${call}`]);
  await new Promise(setImmediate);
  return commands();
}

describe('merged calls', () => {
  it('leave 512 unanswered, in commands of 24', async () => {
    expect(await sent(false, 500)).toBe(21);
    expect(await sent(false, 5000)).toBe(22);
  });

  it('are sent before the end of the turn when there are enough of them', () => {
    const { target, commands } = silent(false);
    const merged = new MergedCalls(target, 'data');
    const add = (calls: number): number => {
      for (let call = 0; call < calls; call++) void merged.run(SCRIPT, [`key ${call}`]);
      return commands();
    };
    expect(add(23)).toBe(0);
    expect(add(1)).toBe(1);
    expect(add(30)).toBe(2);
  });

  it('do not wait for each other in a cluster, where each is a command', async () => {
    expect(await sent(true, 100)).toBeGreaterThan(90);
    expect(await sent(true, 5000)).toBeLessThanOrEqual(512);
  });
});
