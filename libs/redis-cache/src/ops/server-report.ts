import { isRedisFailure } from '../cache/backend.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import type { Shard } from '../redis/shard.js';

/** What one server says of itself; what it may not tell, or did not in time, is missing. */
export interface ServerReport {
  /** Name of the connection. */
  connection: string;
  /** `host:port` of a cluster's node; else empty. */
  node: string;
  /** `redis`, or a relative such as `valkey`. */
  software?: string;
  version?: string;
  uptimeSeconds?: number;
  /** Median and quickest of a few round trips, in milliseconds. */
  latencyMs?: number;
  quickestMs?: number;
  usedMemoryBytes?: number;
  /** 0 means no limit. */
  maxMemoryBytes?: number;
  /** Memory taken from the system by memory used. */
  fragmentation?: number;
  evictionPolicy?: string;
  evictedKeys?: number;
  clients?: number;
  maxClients?: number;
  /** Connections refused because there were too many. */
  rejectedConnections?: number;
  /** Commands in its slow log. */
  slowLogLength?: number;
  replicas?: number;
  /** Whether it keeps its data over a restart, by an append-only file. */
  hasAppendOnlyFile?: boolean;
  /** Whether the last snapshot could be written. */
  isSnapshotWritten?: boolean;
  /** By how much its clock is ahead of that of this process. */
  clockAheadMs?: number;
}

const PINGS = 11;

/** What every primary of a connection tells; each report fills while it is waited for. */
export function reportsOf(connection: RedisConnection): { reports: ServerReport[]; done: Promise<unknown> } {
  const reports = connection.shards.map(({ address }): ServerReport => ({
    connection: connection.name,
    node: address,
  }));
  const done = Promise.all(connection.shards.map((shard, index) => fill(reports[index] as ServerReport, shard)));
  return { reports, done };
}

async function fill(report: ServerReport, shard: Shard): Promise<void> {
  report.clockAheadMs = Math.round(shard.serverClock.nowMs() - Date.now());
  await Promise.all([
    measure(shard).then((latencies) => Object.assign(report, latencies), unlessRedisFailed),
    shard.admin.info('default').then((info) => Object.assign(report, fieldsOf(info)), unlessRedisFailed),
    shard.admin.slowLogLength().then((slowLogLength) => Object.assign(report, { slowLogLength }), unlessRedisFailed),
  ]);
}

async function measure(shard: Shard): Promise<Pick<ServerReport, 'latencyMs' | 'quickestMs'>> {
  const latencies: number[] = [];
  for (let count = 0; count < PINGS; count += 1) {
    const startedAtMs = performance.now();
    await shard.execute('control', 'PING', (client) => client.ping());
    latencies.push(Math.round((performance.now() - startedAtMs) * 1000) / 1000);
  }
  latencies.sort((a, b) => a - b);
  return { latencyMs: latencies[Math.floor(PINGS / 2)] as number, quickestMs: latencies[0] as number };
}

function fieldsOf(info: ReadonlyMap<string, string>): Partial<ServerReport> {
  const number = (field: string): number => Number(info.get(field) ?? 0);
  const valkey = info.get('valkey_version');
  return {
    software: valkey === undefined ? (info.get('server_name') ?? 'redis') : 'valkey',
    version: valkey ?? info.get('redis_version') ?? '',
    uptimeSeconds: number('uptime_in_seconds'),
    usedMemoryBytes: number('used_memory'),
    maxMemoryBytes: number('maxmemory'),
    fragmentation: number('mem_fragmentation_ratio'),
    evictionPolicy: info.get('maxmemory_policy') ?? '',
    evictedKeys: number('evicted_keys'),
    clients: number('connected_clients'),
    maxClients: number('maxclients'),
    rejectedConnections: number('rejected_connections'),
    replicas: number('connected_slaves'),
    hasAppendOnlyFile: info.get('aof_enabled') === '1',
    isSnapshotWritten: info.get('rdb_last_bgsave_status') !== 'err',
  };
}

function unlessRedisFailed(error: unknown): void {
  if (!isRedisFailure(error)) throw error;
}
