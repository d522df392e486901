// @ts-check
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startGuarded } from '../../scripts/guarded-process.mjs';

/**
 * A folder that outlives the servers of a lab, and not us.
 * @typedef {object} LabFolder
 * @property {(name: string) => Promise<string>} subfolder made when it is not there
 * @property {() => Promise<void>} remove
 */

/** @returns {Promise<LabFolder>} */
export async function makeLabFolder() {
  let path = '';
  const guard = await startGuarded({
    name: 'rcache-lab',
    // Does nothing for as long as it is let.
    command: (folder) => {
      path = folder;
      return ['tail', '-f', '/dev/null'];
    },
    endSignal: 'KILL',
  });
  return {
    subfolder: async (name) => {
      const folder = join(path, name);
      await mkdir(folder, { recursive: true });
      return folder;
    },
    remove: guard.stop,
  };
}
