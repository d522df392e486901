// @ts-check
// `node --import` this to run a program of the tests on the sources of the library, in a process of its own.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
