// @ts-check
import { findProgram } from './find-program.mjs';

/** What to tell somebody who has no browser. */
export const HOW_TO_GET_CHROMIUM =
  'No Chromium was found, which test/admin-page.spec.ts needs. Install one (Debian: sudo apt-get install chromium; ' +
  'Mac: brew install --cask chromium).';

const MAC_FOLDERS = ['/Applications/Chromium.app/Contents/MacOS', '/Applications/Google Chrome.app/Contents/MacOS'];

/**
 * The browser the tests of the admin page run.
 * @returns {string | undefined}
 */
export function findChromium() {
  return findProgram(['chromium', 'chromium-browser', 'google-chrome', 'Chromium', 'Google Chrome'], MAC_FOLDERS);
}
