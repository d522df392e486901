import { RedisUnavailableError } from '../errors.js';
import { withDeadline } from './deadline.js';

describe('withDeadline', () => {
  it('rejects when nothing comes in time', async () => {
    const never = new Promise<string>(() => undefined);
    await expect(withDeadline(never, 10, 'GET')).rejects.toThrow(RedisUnavailableError);
  });

  it('passes on what comes in time, good or bad', async () => {
    await expect(withDeadline(Promise.resolve('value'), 1000, 'GET')).resolves.toBe('value');
    await expect(withDeadline(Promise.reject(new Error('refused')), 1000, 'GET')).rejects.toThrow('refused');
  });

  it('does not blame Redis for the time in which this process stood still', async () => {
    const answered = new Promise<string>((resolve) => {
      setImmediate(() => {
        resolve('read late');
      });
    });
    const waiting = withDeadline(answered, 10, 'GET');
    const untilMs = performance.now() + 60;
    while (performance.now() < untilMs) {
      // Busy: the timer is due before the answer can be read.
    }
    await expect(waiting).resolves.toBe('read late');
  });
});
