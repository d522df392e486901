import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { findPromtool, HOW_TO_GET_PROMTOOL } from '../../scripts/promtool.mjs';
import { ROOT } from './pages.js';

/**
 * Runs promtool, which checks what Prometheus would read.
 *
 * @param args such as `['check', 'rules', 'rcache.rules.yml']`
 * @param options the folder it runs in, by default that of the repository, and what it reads from stdin
 * @throws Error with all it said, when it is not content; and where there is none, with how to get it
 */
export async function promtool(
  args: readonly string[],
  { folder = ROOT, input = '' }: { folder?: string; input?: string } = {},
): Promise<void> {
  const program = findPromtool();
  if (program === undefined) throw new Error(HOW_TO_GET_PROMTOOL);
  const child = spawn(program, [...args], { cwd: folder });
  child.stdin.end(input);
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`promtool ${args.join(' ')}:\n${(await said).join('')}`);
}
