import { buildOnce, startPrivately } from './support/demo-script.js';
import { eventually } from './support/eventually.js';

beforeAll(buildOnce, 180_000);

describe('npm run demo', () => {
  it.each([
    ['while the database is filled', 'SIGINT', 'migrations'],
    ['while the application starts', 'SIGTERM', 'Starting the application'],
    ['when it runs', 'SIGINT', 'Ctrl-C ends everything'],
  ] as const)(
    'ends with all its servers at one signal that npm gets alone, %s',
    async (_when, signal, sign) => {
      const demo = await startPrivately('npm', ['run', 'demo']);
      await demo.wrote(sign);
      expect((await demo.end(signal)).code).toBe(0);
      await eventually(() => {
        expect(demo.left()).toEqual([]);
      });
    },
    180_000,
  );
});
