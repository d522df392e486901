import { runScenarios } from '../scripts/demo-scenarios-measure.mjs';
import { buildOnce, openDemoDatabase, runScript } from './support/demo-script.js';

const SCRIPT = 'scripts/demo-scenarios.mjs';
const PROMISES = 8;

let database: Awaited<ReturnType<typeof openDemoDatabase>>;

beforeAll(async () => {
  await buildOnce();
  database = await openDemoDatabase('demo_scenarios');
}, 180_000);
afterAll(() => database.drop());

describe('npm run demo:scenarios', () => {
  it('shows every promise kept, a line each', async () => {
    // The slack of a busy machine.
    const small = ['--rounds', '10', '--lag', '400', '--users', '500', '--seconds', '1'];
    const { code, stdout } = await runScript(SCRIPT, [...small, '--postgres', database.url]);
    const lines = stdout.split('\n').filter((line) => /^(kept|BROKEN) /.test(line));
    expect(lines.filter((line) => line.startsWith('BROKEN'))).toEqual([]);
    expect(lines).toHaveLength(PROMISES);
    expect(code).toBe(0);
  }, 120_000);

  it('calls a promise broken that is not kept, or whose scenario fails, and goes on', async () => {
    const titles: string[] = [];
    const told = await runScenarios(
      [
        { title: 'fails', run: () => Promise.reject(new Error('no server')) },
        { title: 'not kept', run: async () => ({ figure: '3 of 4', isKept: false, values: {} }) },
        { title: 'kept', run: async () => ({ figure: '4 of 4', isKept: true, values: {} }) },
      ],
      ({ title }) => titles.push(title),
    );
    expect(titles).toEqual(['fails', 'not kept', 'kept']);
    expect(told.map(({ isKept }) => isKept)).toEqual([false, false, true]);
    expect(told[0]?.figure).toContain('no server');
  });

  it('refuses what it does not know, with a word on what is allowed', async () => {
    const { code, stderr } = await runScript(SCRIPT, ['--users', 'many']);
    expect(code).toBe(2);
    expect(stderr).toContain('--users is "many". It must be a whole number of at least 1.');
  });
});
