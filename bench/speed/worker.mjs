// @ts-check
// One system in one scenario, in a process of its own. Measures a window each time its parent says so.
//
//   node bench/speed/worker.mjs <system> <scenario> <url of Redis>
import { SCENARIOS } from './scenarios.mjs';
import { SYSTEMS } from './systems.mjs';

// Reading the clock costs about as much as the fastest operation.
const OPERATIONS_PER_CLOCK_READ = 64;

const [systemName, scenarioName, url = ''] = process.argv.slice(2);
const system = SYSTEMS.find(({ name }) => name === systemName);
const scenario = SCENARIOS.find(({ name }) => name === scenarioName);
if (!system || !scenario) throw new Error(`There is no system "${systemName}" or no scenario "${scenarioName}".`);

process.on('disconnect', () => process.exit());
const cache = await system.start({ url, tier: scenario.tier });
const { concurrency, operation, isOffered = () => true } = scenario;
let operations = 0;
if (isOffered(cache)) {
  await scenario.prepare?.(cache);
  process.on('message', async (/** @type {number} */ windowMs) => process.send?.(await measure(windowMs)));
}
process.send?.(isOffered(cache) ? 'ready' : 'not offered');

/** Readers in a closed loop. @param {number} windowMs @returns {Promise<number>} operations per second */
async function measure(windowMs) {
  let done = 0;
  const startedAtMs = performance.now();
  const endAtMs = startedAtMs + windowMs;
  const batch = concurrency === 1 ? OPERATIONS_PER_CLOCK_READ : 1;
  const reader = async () => {
    while (performance.now() < endAtMs) {
      for (let turn = 0; turn < batch; turn += 1) await operation(cache, (operations += 1));
      done += batch;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, reader));
  return (done / (performance.now() - startedAtMs)) * 1000;
}
