// @ts-check
import { execFileSync } from 'node:child_process';

const CHECK_MS = 1_000;

/**
 * Calls back when the npm that runs this script is gone. npm passes signals on, but one that is killed outright cannot.
 * Does nothing for a script that was not started by npm: its parent may end and mean it to go on.
 * @param {() => void} callback
 */
export function onNpmGone(callback) {
  if (!process.env.npm_lifecycle_event) return;
  const npm = npmPid();
  const timer = setInterval(() => {
    if (isAlive(npm)) return;
    clearInterval(timer);
    callback();
  }, CHECK_MS);
  timer.unref();
}

// npm starts a script through a shell; some shells stay between the two, others are replaced by the script.
function npmPid() {
  const [parent = '', command = ''] = execFileSync('ps', ['-o', 'ppid=,comm=', '-p', String(process.ppid)], {
    encoding: 'utf8',
  })
    .trim()
    .split(/\s+/);
  return /(^|[/-])(ba|da|z|k)?sh$/.test(command) ? Number(parent) : process.ppid;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
