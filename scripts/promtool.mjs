// @ts-check
import { findProgram } from './find-program.mjs';

/** What to tell somebody who has no promtool. */
export const HOW_TO_GET_PROMTOOL =
  'No promtool was found, which test/alerts.spec.ts needs. Install Prometheus (Debian, Ubuntu: sudo apt-get install ' +
  'prometheus; Mac: brew install prometheus).';

/**
 * The program that checks what Prometheus would read.
 * @returns {string | undefined}
 */
export function findPromtool() {
  return findProgram(['promtool']);
}
