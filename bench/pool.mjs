// Whether more connections make reads of Redis faster, alone and beside readers of large values.
// The numbers behind docs/decisions/connections.md: ratios to one connection, medians of interleaved rounds.
//
//   npm run build && node bench/pool.mjs [wire, default all] [rounds, default 3]
//
// Wire: `loopback` is Redis on this machine; `gigabit` puts a wire of 1 Gbit/s before it, which its connections share fairly.
// Arrival: `together` is readers in a closed loop, whose reads all travel in the same turns; `apart` is readers that do
// something else between reads, as requests do, at a steady rate of small reads and of bytes of large values.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { CacheEngine } from '../libs/redis-cache/dist/cache/engine.js';
import { startRedis } from '../scripts/servers.mjs';

const WARM_MS = 80;
const WINDOW_MS = 200;
/** The second 1 is the control: how far two runs of the same differ. */
const SIZES = [1, 1, 2, 4, 10];
const SMALL_KEYS = 2_000;
const LARGE_KEYS = 8;
const LARGE_READERS = 4;
/** What readers that are `apart` ask for: well below what one connection can carry, and a third of the wire. */
const SMALL_PER_MS = 12;
const LARGE_BYTES_PER_MS = 40_000;
const LINK_BYTES_PER_MS = 125_000;
// What one connection may send before it is the next one's turn: about what TCP hands to the card at once.
const LINK_CHUNK_BYTES = 16_384;
const LINK_CHUNKS_HELD = 8;

if (isMainThread) await main();
else carry(workerData.port);

/** A wire of limited bandwidth: replies leave in turns, a chunk per connection. */
function carry(port) {
  const lines = new Set();
  let creditBytes = 0;
  let lastMs = performance.now();

  const server = createServer({ noDelay: true }, (client) => {
    const redis = connect({ port, host: '127.0.0.1', noDelay: true });
    const line = { client, redis, chunks: [] };
    lines.add(line);
    client.pipe(redis);
    redis.on('data', (data) => {
      for (let at = 0; at < data.length; at += LINK_CHUNK_BYTES) {
        line.chunks.push(data.subarray(at, at + LINK_CHUNK_BYTES));
      }
      // A wire holds no megabytes: what does not fit stays with Redis.
      if (line.chunks.length > LINK_CHUNKS_HELD) redis.pause();
      send();
    });
    for (const socket of [client, redis]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        lines.delete(line);
        client.destroy();
        redis.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));

  function send() {
    const nowMs = performance.now();
    creditBytes = Math.min(creditBytes + (nowMs - lastMs) * LINK_BYTES_PER_MS, LINK_BYTES_PER_MS * 2);
    lastMs = nowMs;
    for (let hasSent = true; hasSent && creditBytes > 0;) {
      hasSent = false;
      for (const { client, redis, chunks } of lines) {
        const chunk = chunks.shift();
        if (chunk === undefined) continue;
        client.write(chunk);
        creditBytes -= chunk.length;
        hasSent = true;
        if (chunks.length <= LINK_CHUNKS_HELD) redis.resume();
      }
    }
  }
  setInterval(send, 1);
}

async function main() {
  const [wanted, rounds = 3] = process.argv.slice(2);
  const redis = await startRedis();
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: redis.port } });
  const [linkPort] = await once(worker, 'message');
  const ports = { loopback: redis.port, gigabit: linkPort };
  await fill(redis.port);

  const rows = [];
  for (const [wire, arrival, smallBytes, concurrency] of [
    ['loopback', 'together', 100, 256],
    ['loopback', 'apart', 100, 64],
    ['loopback', 'apart', 1_000, 256],
    ['gigabit', 'apart', 1_000, 64],
  ]) {
    if (wanted !== undefined && wanted !== wire) continue;
    const load = { port: ports[wire], smallBytes, concurrency, isApart: arrival === 'apart' };
    for (const largeBytes of [0, 100_000, 1_000_000]) {
      const runs = SIZES.map(() => []);
      for (let round = 0; round < rounds; round += 1) {
        for (let turn = 0; turn < SIZES.length; turn += 1) {
          // Another order in each round, so that none always follows the same one.
          const at = (turn + round) % SIZES.length;
          runs[at].push(await measure({ ...load, maxConnections: SIZES[at], largeBytes }));
        }
      }
      const middle = (at, field) => median(runs[at].map((run) => run[field]));
      for (const [at, maxConnections] of SIZES.entries()) {
        const shown = (field, unit, digits = 2) =>
          at === 0 ? `${middle(0, field).toFixed(digits)}${unit}` : (middle(at, field) / middle(0, field)).toFixed(2);
        rows.push({
          wire,
          arrival,
          reads: `${concurrency} x ${smallBytes} B`,
          beside: largeBytes === 0 ? '-' : `${LARGE_READERS} x ${largeBytes / 1000} KB`,
          maxConnections,
          open: middle(at, 'open'),
          'reads/s': shown('perSecond', '', 0),
          mean: shown('mean', ' ms'),
          p50: shown('p50', ' ms'),
          p99: shown('p99', ' ms'),
          'large/s': largeBytes === 0 ? '-' : shown('largePerSecond', '', 0),
          lost: middle(at, 'lost'),
        });
      }
    }
  }
  console.table(rows);
  await worker.terminate();
  await redis.stop();
}

function engineOn(port, maxConnections) {
  const connection = { host: '127.0.0.1', port, maxConnections };
  return new CacheEngine({ connection, l1: false, startTimeout: '5s', defaults: { ttl: '1h', compress: false } });
}

async function fill(port) {
  const engine = engineOn(port, 1);
  await engine.start();
  for (const bytes of [100, 1_000]) {
    for (let key = 0; key < SMALL_KEYS; key += 1) await engine.defaultCache.set(`${bytes}:${key}`, 'x'.repeat(bytes));
  }
  for (const bytes of [100_000, 1_000_000]) {
    for (let key = 0; key < LARGE_KEYS; key += 1) await engine.defaultCache.set(`${bytes}:${key}`, randomBytes(bytes));
  }
  await engine.close();
}

/** Closed loops of readers against a new engine, so that its pool opens what this load makes it open. */
async function measure({ port, maxConnections, smallBytes, concurrency, largeBytes, isApart }) {
  const engine = engineOn(port, maxConnections);
  await engine.start();
  const cache = engine.defaultCache;
  const latenciesMs = [];
  let larges = 0;
  let lost = 0;
  const startMs = performance.now() + WARM_MS;
  const endMs = startMs + WINDOW_MS;
  const reader = async (bytes, keys, pauseMs, onRead) => {
    while (performance.now() < endMs) {
      if (pauseMs > 0) await sleep(Math.random() * 2 * pauseMs);
      const sentMs = performance.now();
      const value = await cache.get(`${bytes}:${Math.floor(Math.random() * keys)}`);
      if (sentMs < startMs) continue;
      if (value === undefined) lost += 1;
      else onRead(performance.now() - sentMs);
    }
  };
  const readers = Array.from({ length: concurrency }, () =>
    reader(smallBytes, SMALL_KEYS, isApart ? concurrency / SMALL_PER_MS : 0, (ms) => latenciesMs.push(ms)),
  );
  if (largeBytes > 0) {
    const pauseMs = isApart ? (LARGE_READERS * largeBytes) / LARGE_BYTES_PER_MS : 0;
    for (let index = 0; index < LARGE_READERS; index += 1) {
      readers.push(reader(largeBytes, LARGE_KEYS, pauseMs, () => (larges += 1)));
    }
  }
  await Promise.all(readers);
  const open = engine.connectionStates()[0].connections;
  await engine.close();
  latenciesMs.sort((a, b) => a - b);
  return {
    open,
    lost,
    perSecond: (latenciesMs.length / WINDOW_MS) * 1000,
    largePerSecond: (larges / WINDOW_MS) * 1000,
    mean: latenciesMs.reduce((sum, ms) => sum + ms, 0) / latenciesMs.length,
    p50: latenciesMs[Math.floor(latenciesMs.length * 0.5)],
    p99: latenciesMs[Math.floor(latenciesMs.length * 0.99)],
  };
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
