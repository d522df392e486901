import { Histogram } from '../cache/histogram.js';
import { type CacheStats, OPERATION_BOUNDS_SECONDS } from '../cache/stats.js';
import { histogramOfCaches, type Metric, ofCaches, sample, tallyOfCaches } from './metric.js';

const TIERS = ['l1', 'l2'];
const OPERATIONS = ['get', 'set', 'delete', 'invalidate'];

/** What the caches do. Names are without prefix. */
export const CACHE_METRICS: readonly Metric[] = [
  ofCaches(
    {
      name: 'requests_total',
      type: 'counter',
      help: 'Calls that asked for a value, once each whatever tiers were asked.',
      labels: { result: ['hit', 'stale', 'miss', 'bypass'] },
    },
    ({ stats }) => [
      sample({ result: 'hit' }, stats.hitsL1 + stats.hitsL2 - stats.staleHits),
      sample({ result: 'stale' }, stats.staleHits),
      sample({ result: 'miss' }, stats.misses),
      sample({ result: 'bypass' }, stats.bypassed),
    ],
  ),
  ofCaches(
    {
      name: 'tier_lookups_total',
      type: 'counter',
      help: 'Lookups in a tier: of l1 one for each caller, of l2 one for all callers of a key at a time.',
      labels: { tier: TIERS, result: ['hit', 'miss', 'error'] },
    },
    ({ stats }) => [
      sample({ tier: 'l1', result: 'hit' }, stats.hitsL1),
      sample({ tier: 'l1', result: 'miss' }, stats.missesL1),
      sample({ tier: 'l2', result: 'hit' }, stats.readsL2 - stats.missesL2 - stats.errorsL2),
      sample({ tier: 'l2', result: 'miss' }, stats.missesL2),
      sample({ tier: 'l2', result: 'error' }, stats.errorsL2),
    ],
  ),
  histogramOfCaches(
    {
      name: 'operation_duration_seconds',
      help: 'Time callers waited for the cache, loaders left out; hits in memory are not timed and stand in the first bucket.',
      labels: { operation: OPERATIONS },
    },
    ({ operations }) => operations,
    ({ stats }) => [sample({ operation: 'get' }, stats.reads), sample({ operation: 'get' }, untimed(stats))],
  ),
  histogramOfCaches(
    { name: 'load_duration_seconds', help: 'Time loaders took.', labels: { result: ['success', 'error'] } },
    ({ loads }) => loads,
  ),
  ofCaches(
    {
      name: 'coalesced_total',
      type: 'counter',
      help: 'Loads that were not run: of callers who shared one of this process, and of processes that waited for one of the fleet.',
      labels: { scope: ['process', 'fleet'] },
    },
    ({ stats }) => [sample({ scope: 'process' }, stats.coalesced), sample({ scope: 'fleet' }, stats.coalescedInFleet)],
  ),
  tallyOfCaches(
    {
      name: 'stale_served_total',
      help: 'Stale answers, by what became of the load: it runs, it was late, it failed.',
      labels: { reason: ['refreshing', 'timeout', 'error'] },
    },
    ({ staleAnswers }) => staleAnswers,
  ),
  tallyOfCaches(
    {
      name: 'refreshes_total',
      help: 'Loads in the background, because an entry was stale or would be soon; needless ones found the work done by another process.',
      labels: { trigger: ['stale', 'early'], result: ['success', 'error', 'needless'] },
    },
    ({ refreshes }) => refreshes,
  ),
  tallyOfCaches(
    {
      name: 'fallbacks_total',
      help: 'Loads for this process only, because Redis did not answer or still owes an invalidation.',
      labels: { reason: ['unavailable', 'journal'] },
    },
    ({ fallbacks }) => fallbacks,
  ),
  tallyOfCaches(
    { name: 'writes_total', help: 'Values written by set and put.', labels: { status: ['applied', 'queued'] } },
    ({ writes }) => writes,
  ),
  tallyOfCaches(
    {
      name: 'unstored_total',
      help: 'Values that were not stored.',
      labels: { reason: ['too-large', 'refused', 'skipped', 'unavailable', 'unconfirmed-tags', 'sensitive'] },
    },
    ({ unstored }) => unstored,
  ),
  histogramOfCaches(
    { name: 'value_bytes', help: 'Size of the values stored, before compression.', labels: {} },
    ({ valueBytes }) => valueBytes,
  ),
  tallyOfCaches(
    {
      name: 'invalidations_total',
      help: 'Invalidations, by what they name and whether Redis has carried them out.',
      labels: {
        kind: ['key', 'expire', 'tag', 'pattern', 'cache', 'namespace'],
        status: ['applied', 'queued', 'deferred'],
      },
    },
    ({ invalidations }) => invalidations,
  ),
  tallyOfCaches(
    {
      name: 'invalidated_entries_total',
      help: 'Entries that were there when they were invalidated; tags, caches and the namespace are invalidated without counting.',
      labels: { kind: ['key', 'expire', 'pattern'] },
    },
    ({ invalidatedEntries }) => invalidatedEntries,
  ),
  ofCaches(
    { name: 'evictions_total', type: 'counter', help: 'Entries the memory tier dropped for room.', labels: {} },
    ({ stats }) => [sample({}, stats.evictions)],
  ),
  ofCaches({ name: 'entries', type: 'gauge', help: 'Entries in the memory tier.', labels: {} }, ({ memory }) => [
    sample({}, memory.entries),
  ]),
  ofCaches(
    { name: 'entry_bytes', type: 'gauge', help: 'Estimated bytes in the memory tier.', labels: {} },
    ({ memory }) => [sample({}, memory.bytes)],
  ),
  ofCaches(
    {
      name: 'codec_errors_total',
      type: 'counter',
      help: 'Values that could not be encoded, and stored ones that could not be decoded.',
      labels: { operation: ['encode', 'decode'] },
    },
    ({ stats }) => [sample({ operation: 'encode' }, stats.unencodable), sample({ operation: 'decode' }, stats.corrupt)],
  ),
];

/** What takes less than a microsecond is known to be in the first bucket, and adds nothing to the sum that could be seen. */
function untimed({ untimedReads }: CacheStats): Histogram {
  const histogram = new Histogram(OPERATION_BOUNDS_SECONDS);
  histogram.counts[0] = untimedReads;
  return histogram;
}
