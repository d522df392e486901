import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { ROOT } from './pages.js';

/** Without PostgreSQL the embedded one is filled first. */
const START_MS = 240_000;

let child: ChildProcess | undefined;
let output = '';

export interface RunningDemo {
  readonly url: string;
  readonly password: string;
  readonly output: string;
}

/** `npm run demo` on private servers, in a process of its own; `stopDemo` ends it. */
export async function startDemo(): Promise<RunningDemo> {
  const own = { DATABASE_URL: '', REDIS_URL: '', SESSION_REDIS_URL: '', ADMIN_PASSWORD: '', PORT: '' };
  child = spawn(process.execPath, [join(ROOT, 'scripts/demo.mjs')], {
    cwd: ROOT,
    env: { ...process.env, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  await eventually(() => {
    if (child?.exitCode !== null) throw new Error(`The demo has ended: ${output}`);
    expect(output).toContain('Ctrl-C ends everything');
  }, START_MS);
  const [, url = ''] = /Page +(http:\S+)/.exec(output) ?? [];
  const [, password = ''] = /user operator, password (\S+)/.exec(output) ?? [];
  return { url, password, output };
}

export async function stopDemo(): Promise<number | null> {
  if (child === undefined) return null;
  const ended = once(child, 'exit') as Promise<[number | null]>;
  child.kill('SIGINT');
  const [code] = await ended;
  child = undefined;
  return code;
}
