import { buildOnce, openDemoDatabase, runScript, startScript } from './support/demo-script.js';

const SCRIPT = 'scripts/demo-load.mjs';

interface Run {
  requests: number;
  sqlStatements: number;
  hitRatio?: number;
  notModifiedShare: number;
  errors: string[];
  wrong: string[];
}

interface Result {
  load: Record<'no cache' | 'cache-manager, cold' | 'cache-manager, warm' | 'ours, cold' | 'ours, warm', Run>;
  outages: Record<'hang' | 'kill', Record<'cache-manager' | 'ours', Run & { answeredMeanwhile: number }>>;
}

let database: Awaited<ReturnType<typeof openDemoDatabase>>;

beforeAll(async () => {
  await buildOnce();
  database = await openDemoDatabase('demo_load');
}, 180_000);
afterAll(() => database.drop());

describe('npm run demo:load', () => {
  it('answers all requests, and none of them wrong, also while Redis hangs or is killed and comes back empty', async () => {
    const outage = ['--outage', 'hang', '--outage', 'kill', '--outage-seconds', '2'];
    const args = ['--json', '--postgres', database.url, '--requests', '80', ...outage];
    const { code, stdout, stderr } = await runScript(SCRIPT, args);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('Wrong')]);
    const { load, outages } = JSON.parse(stdout) as Result;
    const { 'no cache': none, 'ours, cold': cold, 'ours, warm': warm } = load;
    for (const run of [none, cold, warm, outages.hang.ours, outages.kill.ours]) {
      expect(run.requests).toBeGreaterThanOrEqual(80);
      expect([run.wrong, run.errors]).toEqual([[], []]);
    }
    for (const { ours } of [outages.hang, outages.kill]) expect(ours.answeredMeanwhile).toBeGreaterThan(0);
    expect(none.hitRatio).toBeUndefined();
    expect(warm.hitRatio).toBeGreaterThan(0.5);
    expect(warm.sqlStatements).toBeLessThan(none.sqlStatements / 2);
    expect(warm.notModifiedShare).toBeGreaterThan(0);
    expect(load['cache-manager, warm'].sqlStatements).toBeLessThan(none.sqlStatements / 2);
  }, 240_000);

  it('prints the table before Redis goes away, and ends with all its servers at one signal while it is away', async () => {
    const args = [SCRIPT, '--requests', '20', '--outage-seconds', '100'];
    const run = await startScript(process.execPath, args, database.url);
    await run.wrote('Redis hangs for 100 s');
    const { code, stdout } = await run.end('SIGINT');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ours, warm +gain\n/);
    expect(stdout).toMatch(/\nwrong answers +0 /);
    await run.gone();
  }, 180_000);

  it.each([
    [['--requests', '0'], '--requests is "0". It must be a whole number of at least 1.'],
    [['--outage', 'nap'], '--outage is "nap". It must be one of hang, kill, none.'],
    [['--postgres', 'mysql://x'], '--postgres must look like postgres://user:password@host:5432/name.'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j with a word on what is allowed', async (args, message) => {
    const { code, stderr } = await runScript(SCRIPT, args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: npm run demo:load');
  });

  it('explains itself', async () => {
    const { code, stdout } = await runScript(SCRIPT, ['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--requests N');
  });
});
