import type { Redis } from 'ioredis';

/** What a server says of itself. */
export interface ServerFacts {
  readonly runId: string;
  /** Answer of TIME: seconds and microseconds. */
  readonly time: readonly [seconds: unknown, microseconds: unknown];
  readonly uptimeMs: number;
  /**
   * Its data come from a snapshot, so that whatever happened between the last save and its start may be missing. An
   * append-only file loses a second or two at most, which the recent invalidations of the journal cover.
   */
  readonly isFromSnapshot: boolean;
  /** Why it must not be used. */
  readonly problem: string | undefined;
}

/** Asks a server who it is. One turn: what it says belongs to one instant. */
export async function identify(client: Redis, isCluster: boolean): Promise<ServerFacts> {
  const [server, persistence, time, problem] = await Promise.all([
    client.info('server'),
    client.info('persistence'),
    client.time(),
    checkPrimary(client, isCluster),
  ]);
  const facts = parseInfo(`${server}${persistence}`);
  return {
    runId: facts.get('run_id') ?? '',
    time: time as unknown as [unknown, unknown],
    // The difference of two clock readings in whole seconds: up to one too many.
    uptimeMs: Math.max(0, Number(facts.get('uptime_in_seconds')) - 1) * 1000,
    isFromSnapshot: facts.get('aof_enabled') === '0' && Number(facts.get('rdb_last_load_keys_loaded')) > 0,
    problem:
      problem ??
      (facts.get('loading') === '1' ? 'the server is loading its data' : wrongMode(facts.get('redis_mode'), isCluster)),
  };
}

/** Why a server is not to be written to, if it is not. */
export async function checkPrimary(client: Redis, isCluster: boolean): Promise<string | undefined> {
  const [role, cluster] = await Promise.all([client.role(), isCluster ? client.cluster('INFO') : '']);
  if (String(role[0]) !== 'master') return 'the server is not a primary';
  if (isCluster && !cluster.includes('cluster_state:ok')) return 'its cluster cannot serve';
  return undefined;
}

function wrongMode(mode: string | undefined, isCluster: boolean): string | undefined {
  if (isCluster || mode !== 'cluster') return undefined;
  return 'the server is a node of a cluster; list it under connection.cluster';
}

export function parseInfo(text: string): Map<string, string> {
  const fields = text.split('\r\n').map((line) => line.split(':', 2) as [string, string | undefined]);
  return new Map(fields.filter((field): field is [string, string] => field[1] !== undefined));
}
