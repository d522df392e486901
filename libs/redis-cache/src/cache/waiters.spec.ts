import { Waiters } from './waiters.js';

const NEVER = new AbortController().signal;
/** Longer than any test: only news can end such a wait. */
const LONG_MS = 60_000;

describe('waiters', () => {
  it('wake everybody who watches the key, and nobody else', async () => {
    const waiters = new Waiters();
    const [one, two, other] = ['k', 'k', 'other'].map((key) => waiters.watch(key));
    const ended: string[] = [];
    const waiting = [one!.wait(LONG_MS, NEVER), two!.wait(LONG_MS, NEVER)];
    const stop = new AbortController();
    const idle = other!.wait(LONG_MS, stop.signal).then(() => ended.push('other'));
    waiters.wake('k');
    await Promise.all(waiting);
    expect(ended).toEqual([]);
    stop.abort();
    await idle;
  });

  it('do not miss news that came between the beginning of the watch and the wait', async () => {
    const waiters = new Waiters();
    const watch = waiters.watch('k');
    waiters.wake('k');
    await watch.wait(LONG_MS, NEVER);
  });

  it('hear nothing after the end of their watch', async () => {
    const waiters = new Waiters();
    const watch = waiters.watch('k');
    watch.end();
    waiters.wake('k');
    const stop = new AbortController();
    let isAwake = false;
    const waiting = watch.wait(LONG_MS, stop.signal).then(() => (isAwake = true));
    await new Promise(setImmediate);
    expect(isAwake).toBe(false);
    stop.abort();
    await waiting;
  });

  it('end by themselves after their time, or at once when nobody waits for them any more', async () => {
    const waiters = new Waiters();
    await waiters.watch('k').wait(1, NEVER);
    const aborted = new AbortController();
    aborted.abort();
    await waiters.watch('k').wait(LONG_MS, aborted.signal);
  });

  it('can be woken all at once', async () => {
    const waiters = new Waiters();
    const waiting = ['a', 'b'].map((key) => waiters.watch(key).wait(LONG_MS, NEVER));
    waiters.wakeAll();
    await Promise.all(waiting);
  });

  it('go on when one of two watches of a key has ended', async () => {
    const waiters = new Waiters();
    const [one, two] = [waiters.watch('k'), waiters.watch('k')];
    one.end();
    const waiting = two.wait(LONG_MS, NEVER);
    waiters.wake('k');
    await waiting;
  });
});
