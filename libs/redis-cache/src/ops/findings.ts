import type { ConnectionStatus } from '../cache/backend-host.js';
import { type ConnectionOptions, parseUrl, type RedisNode } from '../redis/connection-options.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { type Found, reach } from './reach.js';
import type { ServerReport } from './server-report.js';

/** `error`: something does not work. `warning`: it will not, or not well. `note`: worth knowing. */
export type FindingLevel = 'ok' | 'note' | 'warning' | 'error';

/** Something the doctor found. */
export interface Finding {
  level: FindingLevel;
  /** Never changes its meaning. */
  code: string;
  /** A sentence. */
  message: string;
  /** What to do about it; empty where there is nothing to do. */
  advice: string;
}

/** The first release with all that the scripts need. */
const OLDEST = [7, 0];
const SLOW_MS = 5;
const FULL_SHARE = 0.9;
const FRAGMENTED = 1.5;
/** Of less, fragmentation says nothing. */
const MUCH_BYTES = 100 * 1024 * 1024;
const CLIENTS_SHARE = 0.8;
const CLOCK_MS = 1000;
const ACL_ADVICE = 'Give the user the commands and keys of docs/acl.md; ACL LOG says which one was missing.';
/** A node that was down when the options were written must not make the doctor wait. */
const MAX_NODES = 8;
const LIKELIEST: readonly Found[] = ['plain', 'tls', 'silent', 'other', 'refused', 'unknown-host', 'unreachable'];

/** Why a connection is not used: who is found at its address, and what Redis said. */
export async function unreachableFinding(
  connection: RedisConnection,
  cause: string,
  deadlineMs: number,
): Promise<Finding> {
  const { nodes, usesTls } = addressesOf(connection.options);
  const all = await Promise.all(
    nodes.slice(0, MAX_NODES).map(({ host, port = 6379 }) => reach(host, port, Math.max(1, deadlineMs))),
  );
  const found = LIKELIEST.find((each) => all.includes(each)) ?? 'unreachable';
  const at = nodes.map(({ host, port = 6379 }) => `${host}:${port}`).join(', ');
  const [code, message, advice] = whyNot(found, usesTls, cause, at);
  return { level: 'error', code, message: `Connection "${connection.name}" is not used: ${message}`, advice };
}

type Why = [code: string, message: string, advice: string];

function whyNot(found: Found, usesTls: boolean, cause: string, at: string): Why {
  if (found === 'unknown-host')
    return ['unknown-host', `nobody knows the name in ${at}.`, 'Check the host name and DNS.'];
  if (found === 'refused') {
    return ['refused', `nothing listens at ${at}.`, 'Start Redis, or correct host and port.'];
  }
  if (found === 'unreachable') {
    return ['unreachable', `${at} does not answer at all.`, 'Check the address, the network and its firewalls.'];
  }
  if (found === 'silent') {
    return [
      'no-answer',
      `${at} takes connections and says nothing.`,
      'See whether Redis hangs: CPU, disk, a long script.',
    ];
  }
  if (found === 'other') return ['no-redis-there', `${at} is no Redis.`, 'Correct the port.'];
  if (found === 'tls' && !usesTls) {
    return ['tls-expected', `${at} wants TLS.`, 'Use rediss:// in the url, or `tls: true`.'];
  }
  if (found === 'plain' && usesTls) {
    return ['tls-unexpected', `${at} speaks no TLS.`, 'Use redis:// in the url, or leave out `tls`.'];
  }
  if (/WRONGPASS|NOAUTH/.test(cause)) {
    return ['not-admitted', `Redis answered ${cause}.`, 'Correct user name and password.'];
  }
  if (cause.includes('NOPERM')) return ['acl-gap', `Redis answered ${cause}.`, ACL_ADVICE];
  if (cause.includes('LOADING'))
    return ['loading', 'Redis is loading its data.', 'Wait; it is used as soon as it is ready.'];
  if (cause.includes('not a primary')) {
    return ['no-primary', `${at} is a replica.`, 'Name the primary, or use `sentinels` so that it is found.'];
  }
  if (cause.includes('node of a cluster')) {
    return ['cluster-mode', `${at} is a node of a cluster.`, 'List the nodes under `connection.cluster`.'];
  }
  const advice = usesTls ? 'Check the certificate and who signed it.' : 'See the log of Redis.';
  return ['unusable', `${cause}.`, advice];
}

/** Redis is reached and said no. */
export function refusalFinding(name: string, reply: string): Finding {
  const refused = (code: string, advice: string, level: Finding['level'] = 'error'): Finding => {
    return { level, code, message: `Connection "${name}" is refused what the cache needs: ${reply}.`, advice };
  };
  if (reply === 'NOPERM' || reply === 'ERR') {
    return refused(
      'acl-gap',
      'Give the user the commands and keys of docs/acl.md; ACL LOG says which one was missing.',
    );
  }
  if (reply === 'OOM') {
    return refused('memory-full', 'Raise maxmemory, or let Redis evict: maxmemory-policy allkeys-lfu for a cache.');
  }
  if (reply === 'MISCONF')
    return refused('snapshot-failed', 'Redis cannot write its snapshot: see its disk and its log.');
  if (reply === 'NOREPLICAS') return refused('no-replicas', 'Bring a replica back, or use `durability: primary`.');
  if (reply === 'READONLY') return refused('no-primary', 'Name the primary, or use `sentinels` so that it is found.');
  if (reply === 'TIMEOUT') return refused('no-answer', 'See whether Redis hangs: CPU, disk, a long script.');
  return refused('refused-command', 'See docs/server-states.md and the log of Redis.', 'warning');
}

export function scanFinding(name: string): Finding {
  return {
    level: 'warning',
    code: 'acl-no-scan',
    message: `Connection "${name}" may not use SCAN: patterns and counts do not work.`,
    advice: 'Give the user +scan.',
  };
}

/** Whether memory answers, and what Redis is owed. */
export function linkFindings({ name, link, journaled }: ConnectionStatus): Finding[] {
  const findings: Finding[] = [];
  if (link !== 'trusted') {
    findings.push({
      level: 'warning',
      code: 'link-not-trusted',
      message: `Connection "${name}" does not hear of changes (its link is ${link}), so that memory does not answer.`,
      advice: 'Allow CLIENT TRACKING and SUBSCRIBE, or see whether Redis is slow or far.',
    });
  }
  if (journaled > 0) {
    findings.push({
      level: 'warning',
      code: 'invalidations-waiting',
      message: `Connection "${name}" owes Redis ${journaled} invalidations.`,
      advice: 'They are done as soon as Redis takes them; see what it refuses.',
    });
  }
  return findings;
}

/** What a server is used for. */
export interface Use {
  readonly holdsSessions: boolean;
  readonly options: Pick<ConnectionOptions, 'durability'>;
}

/** What a server says of itself, weighed. What it does not say is not found. */
export function serverFindings(server: ServerReport, { holdsSessions, options }: Use): Finding[] {
  const { connection, node, version, evictionPolicy, maxMemoryBytes, usedMemoryBytes = 0 } = server;
  const who = `Redis of "${connection}"${node === '' ? '' : ` at ${node}`}`;
  const findings: Finding[] = [];
  const find = (level: FindingLevel, code: string, message: string, advice: string): void => {
    findings.push({ level, code, message: `${who} ${message}`, advice });
  };
  if (version === undefined) {
    find('note', 'acl-no-info', 'did not tell about itself (INFO).', 'Give the user +info, and examine again.');
  } else if (isOlder(version)) {
    find('error', 'old-version', `is version ${version}.`, `Use ${OLDEST.join('.')} or newer.`);
  }
  if (server.quickestMs !== undefined && server.quickestMs > SLOW_MS) {
    find(
      'warning',
      'slow',
      `is ${server.quickestMs} ms away at best.`,
      'Bring it nearer, or see what keeps it busy (SLOWLOG).',
    );
  }
  if (evictionPolicy !== undefined && evictionPolicy !== 'noeviction' && holdsSessions) {
    const advice = 'Set noeviction, or give session.connection a Redis of its own.';
    find('error', 'sessions-evicted', `may lose sessions: maxmemory-policy is ${evictionPolicy}.`, advice);
  }
  if (evictionPolicy === 'noeviction' && maxMemoryBytes !== undefined && maxMemoryBytes > 0 && !holdsSessions) {
    const advice = 'Set maxmemory-policy to allkeys-lfu or allkeys-lru.';
    find('warning', 'cache-not-evicted', 'refuses writes when it is full: maxmemory-policy is noeviction.', advice);
  }
  if (maxMemoryBytes === 0) {
    const advice = 'Set maxmemory, so that it is Redis that decides what to do, and not the system.';
    find('note', 'no-memory-limit', 'has no memory limit: maxmemory is 0.', advice);
  } else if (maxMemoryBytes !== undefined && usedMemoryBytes > FULL_SHARE * maxMemoryBytes) {
    const share = Math.round((100 * usedMemoryBytes) / maxMemoryBytes);
    if (holdsSessions || evictionPolicy === 'noeviction') {
      find('warning', 'nearly-full', `uses ${share} % of its memory.`, 'Raise maxmemory before writes are refused.');
    } else find('note', 'evicting', `uses ${share} % of its memory, and evicts.`, 'Raise maxmemory if hits get fewer.');
  }
  if (usedMemoryBytes > MUCH_BYTES && (server.fragmentation ?? 0) > FRAGMENTED) {
    find(
      'note',
      'fragmented',
      `takes ${server.fragmentation} times the memory it uses.`,
      'Set activedefrag, or restart it.',
    );
  }
  if ((server.rejectedConnections ?? 0) > 0) {
    const advice = 'Raise maxclients, or see who keeps so many connections open.';
    find('warning', 'connections-rejected', `has turned away ${server.rejectedConnections} connections.`, advice);
  } else if ((server.clients ?? 0) > CLIENTS_SHARE * (server.maxClients || Infinity)) {
    find('warning', 'many-clients', `has ${server.clients} of ${server.maxClients} clients.`, 'Raise maxclients.');
  }
  if (server.isSnapshotWritten === false) {
    const advice = 'See its disk and its log; it may refuse writes until it can (MISCONF).';
    find('warning', 'snapshot-failed', 'could not write its last snapshot.', advice);
  }
  if (holdsSessions && server.hasAppendOnlyFile === false) {
    const advice = 'Set appendonly yes if users are to stay logged in over a restart.';
    find('note', 'sessions-not-kept', 'keeps sessions without an append-only file.', advice);
  }
  if (options.durability === 'replicated' && server.replicas === 0) {
    find('error', 'no-replicas', 'has no replica, and durability is replicated.', 'Bring a replica up.');
  }
  if (Math.abs(server.clockAheadMs ?? 0) > CLOCK_MS) {
    const seconds = Math.round((server.clockAheadMs ?? 0) / 1000);
    find(
      'note',
      'clocks-differ',
      `has a clock ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} ours.`,
      'Nothing here depends on it; set it for your logs.',
    );
  }
  return findings;
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

function addressesOf(options: ConnectionOptions): { nodes: readonly RedisNode[]; usesTls: boolean } {
  const { url, host = '127.0.0.1', port = 6379, sentinels, cluster, tls, sentinelTls = tls } = options;
  const isTls = tls !== undefined && tls !== false;
  if (cluster !== undefined) return { nodes: cluster, usesTls: isTls };
  if (sentinels !== undefined) {
    const nodes = sentinels.map((each) => ({ host: each.host, port: each.port ?? 26379 }));
    return { nodes, usesTls: sentinelTls !== undefined && sentinelTls !== false };
  }
  if (url === undefined) return { nodes: [{ host, port }], usesTls: isTls };
  const parsed = parseUrl(url);
  return {
    nodes: [{ host: parsed.host ?? host, port: parsed.port ?? port }],
    usesTls: isTls || parsed.tls !== undefined,
  };
}
