// @ts-check
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

// Homebrew's folders are missing from PATH in a shell that has not run `brew shellenv`.
const HOMEBREW_FOLDERS = ['/opt/homebrew/bin', '/usr/local/bin', '/home/linuxbrew/.linuxbrew/bin'];

/**
 * The full path of the first program that exists, in the order of the names.
 * @param {string[]} names
 * @param {string[]} [furtherFolders] looked at after PATH and Homebrew's folders
 * @returns {string | undefined}
 */
export function findProgram(names, furtherFolders = []) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...HOMEBREW_FOLDERS, ...furtherFolders];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
