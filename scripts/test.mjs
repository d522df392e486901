// `npm test`: works on a fresh clone; arguments go to Jest. Jest runs in this process, so that one signal ends it all.
import { HOW_TO_GET_CHROMIUM } from './chromium.mjs';
import { HOW_TO_GET_PROMTOOL } from './promtool.mjs';
import { HOW_TO_GET_REDIS } from './servers.mjs';
import { ensureChromium, ensureDependencies, ensurePromtool, ensureRedis } from './setup.mjs';

await ensureDependencies();
if (!(await ensureRedis())) {
  console.error(`The tests need a Redis. ${HOW_TO_GET_REDIS}`);
  process.exit(1);
}
if (!(await ensurePromtool())) console.error(HOW_TO_GET_PROMTOOL);
if (!(await ensureChromium())) console.error(HOW_TO_GET_CHROMIUM);
const { run } = await import('jest');
await run(process.argv.slice(2));
