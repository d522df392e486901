// @ts-check
// The dashboard of Grafana: `npm run generate` writes docker/grafana/dashboards/rcache.json, tests parse its queries.

/**
 * @typedef {object} Query
 * @property {string} expr PromQL with the variables of the dashboard
 * @property {string} [legend]
 *
 * @typedef {'stat' | 'timeseries' | 'bargauge' | 'heatmap' | 'state-timeline'} PanelType
 *
 * @typedef {object} Panel
 * @property {string} title
 * @property {string} description
 * @property {PanelType} type
 * @property {string} unit of Grafana
 * @property {readonly Query[]} queries
 * @property {readonly [number, number]} [thresholds] yellow from the first on, green from the second on
 * @property {boolean} [isLog]
 * @property {boolean} [isStacked]
 *
 * @typedef {{ title: string, panels: readonly Panel[] }} Row
 */

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const BASE = 'job=~"$job", instance=~"$instance"';
const OF_CACHES = `${BASE}, cache=~"$cache"`;
const RECORDED = 'job=~"$job", cache=~"$cache"';
const COLUMNS = 24;
const PANEL_HEIGHT = 8;

/** @param {string} metric @param {string} [matchers] */
const rate = (metric, matchers = '') => `rate(${metric}{${OF_CACHES}${matchers}}[$__rate_interval])`;
/** @param {string} metric @param {string} [matchers] */
const baseRate = (metric, matchers = '') => `rate(${metric}{${BASE}${matchers}}[$__rate_interval])`;
/** @param {number} share @param {string} by @param {string} rates */
const quantile = (share, by, rates) => `histogram_quantile(${share}, sum by (${by}le) (${rates}))`;
/** @param {string} expr @param {string} legend @returns {Query} */
const query = (expr, legend) => ({ expr, legend });

const HITS = rate('rcache_requests_total', ', result=~"hit|stale"');
const REQUESTS = rate('rcache_requests_total', ', result!="bypass"');
const GETS = rate('rcache_operation_duration_seconds_bucket', ', operation="get"');

/** @type {readonly Row[]} */
export const ROWS = [
  {
    title: 'Effectiveness',
    panels: [
      {
        title: 'Hit ratio',
        description: 'Share of requests answered from the cache, stale answers included.',
        type: 'stat',
        unit: 'percentunit',
        thresholds: [0.6, 0.85],
        queries: [query(`sum(${HITS}) / sum(${REQUESTS})`, 'hit ratio')],
      },
      {
        title: 'Source seconds saved per second',
        description: 'Hits per second times the mean time of a load: how much work of the source the cache avoids.',
        type: 'stat',
        unit: 's',
        queries: [query(`sum(cache:rcache_saved_seconds:rate5m{${RECORDED}})`, 'saved')],
      },
      {
        title: 'Requests by result',
        description: 'Calls that asked for a value, once each whatever tiers were asked.',
        type: 'timeseries',
        unit: 'reqps',
        isStacked: true,
        queries: [query(`sum by (result) (${rate('rcache_requests_total')})`, '{{result}}')],
      },
      {
        title: 'Reads of Redis that fail',
        description:
          'Share of the reads of Redis without an answer in time, or with a refusal. Callers get the loader.',
        type: 'timeseries',
        unit: 'percentunit',
        queries: [query(`cache:rcache_error_ratio:rate5m{${RECORDED}}`, '{{cache}}')],
      },
      {
        title: 'Breaker',
        description: 'Whether Redis is used (closed), given up for now (open) or being probed (half_open).',
        type: 'state-timeline',
        unit: 'short',
        queries: [
          query(
            `max by (instance, connection, state) (rcache_breaker_state{${BASE}}) == 1`,
            '{{instance}} {{connection}} {{state}}',
          ),
        ],
      },
    ],
  },
  {
    title: 'Per cache',
    panels: [
      {
        title: 'Hit ratio by cache',
        description: 'The same, for each cache.',
        type: 'timeseries',
        unit: 'percentunit',
        queries: [query(`cache:rcache_hit_ratio:rate5m{${RECORDED}}`, '{{cache}}')],
      },
      {
        title: 'Hits by tier',
        description: 'Where hits come from: memory of the process (l1) or Redis (l2).',
        type: 'timeseries',
        unit: 'reqps',
        isStacked: true,
        queries: [query(`sum by (tier) (${rate('rcache_tier_lookups_total', ', result="hit"')})`, '{{tier}}')],
      },
      {
        title: 'Worst caches with traffic',
        description: 'The ten lowest hit ratios among caches with more than a request per second.',
        type: 'bargauge',
        unit: 'percentunit',
        thresholds: [0.6, 0.85],
        queries: [
          query(
            `bottomk(10, cache:rcache_hit_ratio:rate5m{${RECORDED}} and cache:rcache_requests:rate5m{${RECORDED}} > 1)`,
            '{{cache}}',
          ),
        ],
      },
    ],
  },
  {
    title: 'Latency',
    panels: [
      {
        title: 'Time of a read',
        description:
          'How long callers waited for the cache, loaders left out. Hits in memory stand in the first bucket.',
        type: 'timeseries',
        unit: 's',
        isLog: true,
        queries: [0.5, 0.95, 0.99].map((share) => query(quantile(share, '', GETS), `p${share * 100}`)),
      },
      {
        title: 'Reads by time',
        description: 'How many reads took how long.',
        type: 'heatmap',
        unit: 's',
        queries: [query(`sum by (le) (${GETS})`, '{{le}}')],
      },
      {
        title: 'Time of a load',
        description: 'How long loaders take: what a miss costs.',
        type: 'timeseries',
        unit: 's',
        isLog: true,
        queries: [
          query(
            `sum by (cache) (${rate('rcache_load_duration_seconds_sum')}) / sum by (cache) (${rate('rcache_load_duration_seconds_count')})`,
            '{{cache}} mean',
          ),
          query(quantile(0.95, 'cache, ', rate('rcache_load_duration_seconds_bucket')), '{{cache}} p95'),
        ],
      },
    ],
  },
  {
    title: 'Protection',
    panels: [
      {
        title: 'Loads avoided',
        description: 'Callers who shared a load of their process, and processes that waited for one of the fleet.',
        type: 'timeseries',
        unit: 'ops',
        queries: [query(`sum by (scope) (${rate('rcache_coalesced_total')})`, '{{scope}}')],
      },
      {
        title: 'Stale answers',
        description: 'By what became of the load: it runs (refreshing), was late (timeout), or failed (error).',
        type: 'timeseries',
        unit: 'ops',
        queries: [query(`sum by (reason) (${rate('rcache_stale_served_total')})`, '{{reason}}')],
      },
      {
        title: 'Loads without Redis',
        description: 'Loads for one process only, because Redis did not answer or still owes an invalidation.',
        type: 'timeseries',
        unit: 'ops',
        queries: [query(`sum by (reason) (${rate('rcache_fallbacks_total')})`, '{{reason}}')],
      },
    ],
  },
  {
    title: 'Invalidation',
    panels: [
      {
        title: 'Invalidations',
        description: 'By what they name, and whether Redis carried them out.',
        type: 'timeseries',
        unit: 'ops',
        queries: [query(`sum by (kind, status) (${rate('rcache_invalidations_total')}) > 0`, '{{kind}} {{status}}')],
      },
      {
        title: 'Delay of announcements',
        description: 'Round trip of the heartbeat on the link: no announcement took longer.',
        type: 'timeseries',
        unit: 's',
        queries: [
          query(quantile(0.99, 'connection, ', baseRate('rcache_link_delay_seconds_bucket')), '{{connection}} p99'),
        ],
      },
    ],
  },
  {
    title: 'Memory',
    panels: [
      {
        title: 'Memory tier',
        description: 'Estimated bytes in the memory of the processes.',
        type: 'timeseries',
        unit: 'bytes',
        isStacked: true,
        queries: [query(`sum by (cache) (rcache_entry_bytes{${OF_CACHES}})`, '{{cache}}')],
      },
      {
        title: 'Memory of Redis',
        description: 'What Redis uses, and may use if it has a limit.',
        type: 'timeseries',
        unit: 'bytes',
        queries: [
          query(`max by (connection) (rcache_redis_memory_used_bytes{${BASE}})`, '{{connection}} used'),
          query(`max by (connection) (rcache_redis_memory_max_bytes{${BASE}}) > 0`, '{{connection}} limit'),
        ],
      },
      {
        title: 'Evictions',
        description: 'Entries dropped for room: by memory tiers, and by Redis.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          query(`sum by (cache) (${rate('rcache_evictions_total')})`, 'memory {{cache}}'),
          query(`max by (connection) (${baseRate('rcache_redis_evicted_keys_total')})`, 'Redis {{connection}}'),
        ],
      },
    ],
  },
  {
    title: 'Redis client',
    panels: [
      {
        title: 'Time of commands',
        description: 'From handing a command to the client until its reply, 99th percentile.',
        type: 'timeseries',
        unit: 's',
        isLog: true,
        queries: [
          query(quantile(0.99, 'command, ', baseRate('rcache_redis_command_duration_seconds_bucket')), '{{command}}'),
        ],
      },
      {
        title: 'Reconnects and errors',
        description: 'Connections that were lost and are there again, and commands that failed.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          query(`sum by (kind) (${baseRate('rcache_redis_reconnects_total')})`, 'reconnect {{kind}}'),
          query(`sum by (error_type) (${baseRate('rcache_errors_total')})`, '{{error_type}}'),
        ],
      },
      {
        title: 'Operations under way',
        description: 'Sent to Redis and not answered, and waiting to be sent.',
        type: 'timeseries',
        unit: 'short',
        queries: [query(`sum by (queue) (rcache_redis_queue_length{${BASE}})`, '{{queue}}')],
      },
    ],
  },
  {
    title: 'Sessions, warm-up and HTTP',
    panels: [
      {
        title: 'Sessions',
        description: 'What is done with sessions, and how it ends.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          query(
            `sum by (operation, result) (${baseRate('rcache_session_operations_total')})`,
            '{{operation}} {{result}}',
          ),
        ],
      },
      {
        title: 'Age of warm-ups',
        description: 'Time since a warm-up went through all its entries, in any instance.',
        type: 'timeseries',
        unit: 's',
        queries: [
          query(`time() - max by (warmup) (rcache_warmup_last_success_timestamp_seconds{${BASE}})`, '{{warmup}}'),
        ],
      },
      {
        title: 'HTTP responses',
        description: 'What the HTTP cache did for requests of cached routes.',
        type: 'timeseries',
        unit: 'reqps',
        isStacked: true,
        queries: [query(`sum by (outcome) (${rate('rcache_http_responses_total')})`, '{{outcome}}')],
      },
    ],
  },
];

/** The file Grafana is given. */
export function dashboardText() {
  return `${JSON.stringify(dashboard(), undefined, 2)}\n`;
}

/** The model Grafana imports or provisions. */
export function dashboard() {
  let id = 0;
  let y = 0;
  const panels = ROWS.flatMap(({ title, panels: ofRow }) => {
    const width = COLUMNS / ofRow.length;
    const header = {
      id: ++id,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    };
    const laidOut = ofRow.map((panel, column) => {
      const x = Math.round(column * width);
      const gridPos = { x, y: y + 1, w: Math.round((column + 1) * width) - x, h: PANEL_HEIGHT };
      return { id: ++id, gridPos, ...model(panel) };
    });
    y += PANEL_HEIGHT + 1;
    return [header, ...laidOut];
  });
  return {
    uid: 'rcache',
    title: 'nestjs-rcache',
    description: 'Whether the cache earns its keep, and what keeps it from that.',
    tags: ['cache', 'redis', 'nestjs'],
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    schemaVersion: 39,
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: { list: variables() },
    panels,
  };
}

/** @param {Panel} panel */
function model({ title, description, type, unit, queries, thresholds, isLog = false, isStacked = false }) {
  const steps = [
    { color: thresholds ? 'red' : 'green', value: null },
    ...(thresholds
      ? [
          { color: 'yellow', value: thresholds[0] },
          { color: 'green', value: thresholds[1] },
        ]
      : []),
  ];
  const custom =
    type === 'timeseries'
      ? {
          scaleDistribution: isLog ? { type: 'log', log: 10 } : { type: 'linear' },
          stacking: { mode: isStacked ? 'normal' : 'none' },
          fillOpacity: isStacked ? 30 : 5,
          showPoints: 'never',
        }
      : {};
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, custom, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: type === 'timeseries' ? { legend: { showLegend: true, displayMode: 'list', placement: 'bottom' } } : {},
    targets: queries.map(({ expr, legend = '' }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      format: type === 'heatmap' ? 'heatmap' : 'time_series',
    })),
  };
}

function variables() {
  const ofLabel = (/** @type {string} */ name, /** @type {string} */ matchers) => ({
    name,
    type: 'query',
    label: name,
    datasource: DATASOURCE,
    query: `label_values(rcache_requests_total${matchers}, ${name})`,
    // Values are asked for again when the time range changes.
    refresh: 2,
    includeAll: true,
    allValue: '.+',
    multi: true,
    current: { text: 'All', value: '$__all' },
  });
  return [
    { name: 'datasource', type: 'datasource', label: 'Data source', query: 'prometheus', current: {} },
    ofLabel('job', ''),
    ofLabel('instance', '{job=~"$job"}'),
    ofLabel('cache', '{job=~"$job"}'),
  ];
}
