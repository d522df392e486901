// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The shell holds the read end of a pipe of ours. The kernel closes it however we die, SIGKILL included: `cat` ends, and
// then the server is ended too. SIGCONT first, because a stopped process puts off every other signal but SIGKILL.
// The watcher is killed as soon as the server is gone: its process id may be somebody else's a moment later.
// Closing stdout tells us that the server is gone; its log stays until we close the pipe.
const GUARD = `
end=$1; folder=$2; shift 2
exec 3<&0
: >"$folder/server.log"
"$@" </dev/null >"$folder/server.log" 2>&1 3<&- &
server=$!
echo $server
{ cat <&3; kill -CONT $server; kill -"$end" $server; } >/dev/null 2>&1 &
watcher=$!
wait $server
kill $watcher
exec >&-
cat <&3 >/dev/null
rm -rf "$folder"
`;

/**
 * A server process that cannot outlive us.
 * @typedef {object} GuardedProcess
 * @property {number} pid of the server itself, not of its guard
 * @property {() => boolean} isRunning
 * @property {() => string} log what the server has written so far, until `exited` or `stop` resolved
 * @property {() => Promise<void>} exited resolves when the server is gone and its private folder removed
 * @property {() => Promise<void>} stop ends the server; does nothing when it is gone already
 */

/**
 * Starts a server in a process group of its own, so that Ctrl-C reaches us and we decide when it ends.
 *
 * @param {object} options
 * @param {string} options.name prefix of the private folder
 * @param {(folder: string) => string[]} options.command program and arguments; the folder is private and goes with the server
 * @param {'KILL' | 'INT' | 'TERM'} options.endSignal what ends the server
 * @param {{ uid: number, gid: number }} [options.owner] runs the server as another user (root only)
 * @param {(folder: string) => Promise<void>} [options.prepare] runs before the server starts
 * @returns {Promise<GuardedProcess>}
 */
export async function startGuarded({ name, command, endSignal, owner, prepare }) {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  try {
    await prepare?.(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const guard = spawn('sh', ['-c', GUARD, 'guard', endSignal, folder, ...command(folder)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
    ...owner,
  });
  const stdin = /** @type {import('node:net').Socket} */ (guard.stdin);
  const stdout = /** @type {import('node:net').Socket} */ (guard.stdout);
  const guardExit = once(guard, 'exit');
  const [pid] = await Promise.race([once(stdout.setEncoding('utf8'), 'data'), guardExit]);

  let running = true;
  const gone = once(stdout.resume(), 'end').then(() => {
    running = false;
  });

  // Nothing of the guard may keep our event loop alive: a script that ends takes its servers along.
  for (const handle of [guard, stdin, stdout]) handle.unref();

  const exited = async () => {
    for (const handle of [guard, stdout]) handle.ref();
    await gone;
    stdin.destroy();
    await guardExit;
  };
  return {
    pid: Number(pid),
    isRunning: () => running,
    log: () => readFileSync(join(folder, 'server.log'), 'utf8'),
    exited,
    stop: async () => {
      stdin.destroy();
      await exited();
    },
  };
}
