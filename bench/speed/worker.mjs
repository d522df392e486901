// @ts-check
// One system in one scenario, in a process of its own. Measures a window each time its parent says so.
//
//   node bench/speed/worker.mjs <system> <scenario> <url of Redis>
import { closedLoop } from './closed-loop.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { systemOf } from './systems.mjs';

const [systemName = '', scenarioName, url = ''] = process.argv.slice(2);
const scenario = SCENARIOS.find(({ name }) => name === scenarioName);
if (!scenario) throw new Error(`There is no scenario "${scenarioName}".`);

process.on('disconnect', () => process.exit());
const cache = await systemOf(systemName).start({ url, tier: scenario.tier });
const { concurrency, operation, isOffered = () => true } = scenario;
let operations = 0;
if (isOffered(cache)) {
  await scenario.prepare?.(cache);
  process.on('message', async (/** @type {Pick<import('./race.mjs').Limits, 'windowMs' | 'leadInMs'>} */ limits) => {
    const loop = await closedLoop(() => operation(cache, (operations += 1)), { concurrency, ...limits });
    process.send?.({ perSecond: (loop.operations / loop.ms) * 1000, failed: loop.failed });
  });
}
process.send?.(isOffered(cache) ? 'ready' : 'not offered');
