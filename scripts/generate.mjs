// @ts-check
// `npm run generate`: writes what is made from the code. Tests compare each file with what it would write.
import { writeFileSync } from 'node:fs';
import { dashboardText } from './dashboard.mjs';
import { metricsPage } from './metrics-page.mjs';

/** @type {{ METRICS: readonly import('./metrics-page.mjs').Metric[] }} */
const { METRICS } = await import(new URL('../libs/redis-cache/dist/ops/metrics.js', import.meta.url).href);

writeFileSync(new URL('../docs/metrics.md', import.meta.url), metricsPage(METRICS));
writeFileSync(new URL('../docker/grafana/dashboards/rcache.json', import.meta.url), dashboardText());
