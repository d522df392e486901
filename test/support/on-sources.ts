import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './pages.js';

/** What Node.js is started with to run a program of the tests on the sources of the library, in a process of its own. */
export const ON_SOURCES = ['--import', pathToFileURL(join(ROOT, 'test/support/typescript.mjs')).href];
