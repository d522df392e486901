// @ts-check
import { CONTROL } from './race.mjs';
import { numberOf } from './results.mjs';
import { OURS } from './systems.mjs';
import { measuredFor, TARGETS } from './targets.mjs';

/** Smaller differences are noise. */
const LEAST_SHARE = 0.1;
// Of half of the numbers; the rest lies further out.
const SPREADS = 3;

/**
 * What is worse than in the committed results, beyond noise. Only what does not depend on the machine is compared.
 *
 * @param {import('./results.mjs').Results} before
 * @param {import('./results.mjs').Results} now
 * @returns {string[]} a sentence for each
 */
export function regressions(before, now) {
  return [...racesLost(before, now), ...numbersLost(before, now)];
}

/** @param {import('./results.mjs').Results} before @param {import('./results.mjs').Results} now */
function* racesLost(before, now) {
  for (const { name, reference, rows } of now.races) {
    const earlier = before.races.find((race) => race.name === name)?.rows.find((row) => row.name === OURS);
    const row = rows.find((each) => each.name === OURS);
    if (!earlier || !row) continue;
    const control = rows.find((each) => each.name === CONTROL);
    const noise = Math.max(LEAST_SHARE * earlier.ratio, SPREADS * Math.max(row.spread, control?.spread ?? 0));
    if (row.ratio < earlier.ratio - noise) yield `${name}: ${row.ratio} of ${reference}, was ${earlier.ratio}`;
  }
}

/** @param {import('./results.mjs').Results} before @param {import('./results.mjs').Results} now */
function* numbersLost(before, now) {
  for (const target of TARGETS) {
    const { scenario, number, isRelative, atLeast } = target;
    if (number === undefined || !isRelative) continue;
    const [was, is] = [numberOf(before, scenario, number, OURS), measuredFor(target, now)];
    if (was == null || is == null) continue;
    const worse = atLeast === undefined ? is - was : was - is;
    if (worse > LEAST_SHARE * was) yield `${scenario}, ${number}: ${is}, was ${was}`;
  }
}
