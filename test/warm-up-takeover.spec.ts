import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { WarmUpResult } from 'nestjs-rcache';
import { foreignClient } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { ON_SOURCES } from './support/on-sources.js';
import { readPages, ROOT } from './support/pages.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

jest.setTimeout(60_000);
const ENTRIES = 40;
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Warming {
  readonly child: ChildProcess;
  readonly heard: { loads: number; result?: WarmUpResult };
}

async function start(namespace: string): Promise<Warming> {
  const program = join(ROOT, 'test/support/warming-process.mjs');
  const child = fork(program, [testRedisUrl(), namespace, String(ENTRIES)], { execArgv: ON_SOURCES });
  children.push(child);
  const heard: Warming['heard'] = { loads: 0 };
  const [first] = (await once(child, 'message')) as [object];
  expect(first).toEqual({ isReady: true });
  child.on('message', (message: object) => Object.assign(heard, message));
  return { child, heard };
}

describe('a warm-up whose process is killed', () => {
  it('is gone on with by one that waits, from where it was', async () => {
    const namespace = uniqueNamespace();
    const [holder, waiting] = await Promise.all([start(namespace), start(namespace)]);
    holder.child.send('run');
    await eventually(() => holder.heard.loads >= 6, 20_000);
    waiting.child.send('run');
    await eventually(() => holder.heard.loads >= 10, 20_000);
    expect(waiting.heard.loads).toBe(0);
    const exit = once(holder.child, 'exit');
    holder.child.kill('SIGKILL');
    await exit;
    const { loads } = holder.heard;
    await eventually(() => waiting.heard.result !== undefined, 30_000);
    const { outcome, loaded, present, failed } = waiting.heard.result as WarmUpResult;
    expect([outcome, loaded + present, failed]).toEqual(['done', ENTRIES, 0]);
    // What was loaded is stored at once, but for the two under way.
    expect(present).toBeGreaterThanOrEqual(loads - 2);
    expect(loaded).toBe(waiting.heard.loads);
    expect(await foreignClient().exists(`${namespace}:e:{pages:/page/~n${ENTRIES - 1}}`)).toBe(1);
  });
});

describe('the script of docs/warm-up.md', () => {
  const folder = join(ROOT, `.data/warm-${process.pid}`);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const MODULE = `
import { Module } from '@nestjs/common';
import { defineCache, defineWarmer, RedisCacheModule, WarmUpService } from 'nestjs-rcache';
const pages = defineCache({ name: 'pages', key: (id) => ['page', id] });
class Warmers {
  constructor(warmUps) {
    warmUps.use(defineWarmer(pages, { name: 'good', every: 1 }), { entries: () => [1, 2, 3], load: (id) => id });
    const entries = () => Promise.reject(new Error('no database'));
    warmUps.use(defineWarmer(pages, { name: 'bad', every: 1 }), { entries, load: (id) => id });
  }
}
export class AppModule {}
const { REDIS, NAMESPACE } = process.env;
Module({
  imports: [RedisCacheModule.forRoot({ connection: { url: REDIS }, namespace: NAMESPACE, startTimeout: '5s' })],
  providers: [{ provide: Warmers, inject: [WarmUpService], useFactory: (warmUps) => new Warmers(warmUps) }],
})(AppModule);
`;

  async function run(...names: string[]): Promise<{ code: number; printed: string }> {
    const env = { ...process.env, REDIS: testRedisUrl(), NAMESPACE: uniqueNamespace() };
    const args = [...ON_SOURCES, join(folder, 'warm.mjs'), ...names];
    try {
      const { stdout } = await promisify(execFile)(process.execPath, args, { env });
      return { code: 0, printed: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, printed: stdout || stderr };
    }
  }

  it('warms what it is told to, says how it went, and fails when that failed', async () => {
    const page = readPages().find(({ path }) => path === 'docs/warm-up.md');
    const script = page?.fences.find(({ language }) => language === 'js')?.code ?? '';
    expect(script).toContain('createApplicationContext');
    mkdirSync(join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'warm.mjs'), script);
    writeFileSync(join(folder, 'dist/package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'dist/app.module.js'), MODULE);
    expect(await run('good')).toEqual({ code: 0, printed: 'good: done, 3 loaded, 0 there, 0 failed\n' });
    const { code, printed } = await run();
    expect([code, printed.split('\n').filter((line) => /^(?:good|bad):/.test(line))]).toEqual([
      1,
      ['good: done, 3 loaded, 0 there, 0 failed', 'bad: failed, 0 loaded, 0 there, 0 failed'],
    ]);
  });
});
