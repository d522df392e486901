import { buildOnce, openDemoDatabase, startScript } from './support/demo-script.js';

let database: Awaited<ReturnType<typeof openDemoDatabase>>;

beforeAll(async () => {
  await buildOnce();
  database = await openDemoDatabase('demo_signals');
}, 180_000);
afterAll(() => database.drop());

describe('npm run demo', () => {
  it.each([
    ['while it is compiled', 'SIGINT', 'Building'],
    ['while the database is filled', 'SIGINT', 'migrations'],
    ['while the application starts', 'SIGTERM', 'Starting the application'],
    ['when it runs', 'SIGINT', 'Ctrl-C ends everything'],
  ] as const)(
    'ends with all its servers at one signal that npm gets alone, %s',
    async (_when, signal, sign) => {
      const demo = await startScript('npm', ['run', 'demo'], database.url);
      await demo.wrote(sign);
      expect((await demo.end(signal)).code).toBe(0);
      await demo.gone();
    },
    180_000,
  );
});
