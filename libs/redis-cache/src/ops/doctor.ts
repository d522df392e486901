import { Inject, Injectable, Optional } from '@nestjs/common';
import { isRedisFailure } from '../cache/backend.js';
import type { ConnectionStatus } from '../cache/backend-host.js';
import { CacheEngine } from '../cache/engine.js';
import { RedisRefusedError } from '../errors.js';
import { Keyspace } from '../redis/keyspace.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { Script } from '../redis/script.js';
import { type Duration, systemClock, toTimeoutMs } from '../time.js';
import { CACHE_ENGINE, SESSION_CONNECTION } from '../tokens.js';
import {
  linkFindings,
  refusalFinding,
  scanFinding,
  type Finding,
  serverFindings,
  unreachableFinding,
} from './findings.js';
import { RecentTroubles } from './recent-troubles.js';
import { reportsOf, type ServerReport } from './server-report.js';

/** What is found out about Redis, the worst first. */
export interface Diagnosis {
  findings: Finding[];
  /** One for each primary that is used. */
  servers: ServerReport[];
}

export interface DiagnosisOptions {
  /** The longest it may take, default 2 s. What has not been answered by then is missing. */
  deadline?: Duration;
}

/** A key of nobody, kept for a second at most. KEYS: that key. Reply: 1. One turn, as the scripts of entries are. */
const PROBE = new Script(
  'doctor',
  1,
  `redis.call('SET', KEYS[1], '1', 'PX', 1000)
redis.call('UNLINK', KEYS[1])
return 1`,
);
const LEVELS = ['error', 'warning', 'note', 'ok'];
const LOOK_MS = 50;

/**
 * Looks for what is wrong with Redis, or will be: how it is reached, who it is, what it may do, what this user may do. Reads, but
 * for one key of its own; never rejects because of Redis. Made with an engine that has not started yet, it knows of every trouble;
 * later ones it has to see.
 *
 *     const { findings } = await doctor.examine();
 */
@Injectable()
export class CacheDoctor {
  readonly #troubles: RecentTroubles;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Optional() @Inject(SESSION_CONNECTION) private readonly sessionConnection?: string,
  ) {
    this.#troubles = new RecentTroubles(engine.events, systemClock);
  }

  async examine(options: DiagnosisOptions = {}): Promise<Diagnosis> {
    const endAtMs = performance.now() + toTimeoutMs(options.deadline ?? '2s', 'deadline');
    const states = this.engine.connectionStates();
    const findings: Finding[] = [];
    if (!this.engine.isEnabled) findings.push(DISABLED);
    else if (this.engine.connection() === undefined) findings.push(NO_REDIS);
    const parts = await Promise.all(states.map((state) => this.#examined(state, endAtMs)));
    findings.push(...parts.flatMap((part) => part.findings));
    findings.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
    return { findings, servers: parts.flatMap(({ servers }) => servers) };
  }

  async #examined({ name, isUp }: ConnectionStatus, endAtMs: number): Promise<Diagnosis> {
    const connection = this.engine.connection(name);
    if (connection === undefined) return { findings: [], servers: [] };
    if (!isUp) {
      const cause = this.#troubles.cause(name);
      return { findings: [await unreachableFinding(connection, cause, endAtMs - performance.now())], servers: [] };
    }
    const { reports, done } = reportsOf(connection);
    const [refused, mayScan] = await Promise.all([
      within(this.#refusalOf(connection), endAtMs),
      within(canScan(connection), endAtMs),
      within(done, endAtMs),
      this.#untilTrusted(name, endAtMs),
    ]);
    const holdsSessions = name === this.sessionConnection;
    // A copy: what arrives after the deadline belongs to no answer.
    const servers = reports.map((report) => ({ ...report }));
    const state = this.#stateOf(name);
    const findings = [
      ...(refused === undefined ? [] : [refusalFinding(name, refused)]),
      ...(mayScan === false ? [scanFinding(name)] : []),
      ...(state === undefined ? [] : linkFindings(state)),
      ...servers.flatMap((server) => serverFindings(server, { holdsSessions, options: connection.options })),
    ];
    if (!findings.some(({ level }) => level === 'error' || level === 'warning')) findings.push(wellOf(name, servers));
    return { findings, servers };
  }

  /** The first word of Redis's no to a read or to a script that writes. */
  async #refusalOf(connection: RedisConnection): Promise<string | undefined> {
    const keyspace = new Keyspace(this.engine.namespace);
    try {
      await connection.get(keyspace.of('e', 'doctor:doctor'));
      await connection.run('control', PROBE, [`${keyspace.fleet}:doctor`]);
    } catch (error) {
      if (!isRedisFailure(error)) throw error;
      return error instanceof RedisRefusedError ? error.reply : 'TIMEOUT';
    }
    return this.#troubles.refusal(connection.name)?.reply;
  }

  /** The link is trusted a moment after the connection is used. */
  async #untilTrusted(name: string, endAtMs: number): Promise<void> {
    while (this.#stateOf(name)?.link !== 'trusted' && performance.now() < endAtMs) await systemClock.sleep(LOOK_MS);
  }

  #stateOf(name: string): ConnectionStatus | undefined {
    return this.engine.connectionStates().find((state) => state.name === name);
  }
}

const DISABLED: Finding = {
  level: 'note',
  code: 'disabled',
  message: 'The cache is disabled: loaders answer every call.',
  advice: 'Leave out `enabled: false` to use it.',
};

const NO_REDIS: Finding = {
  level: 'note',
  code: 'no-redis',
  message: 'There is no Redis by configuration: every process keeps values of its own.',
  advice: 'Give `connection` an address where several processes have to agree.',
};

function wellOf(name: string, servers: readonly ServerReport[]): Finding {
  const versions = [...new Set(servers.map(({ software = 'Redis', version = '' }) => `${software} ${version}`.trim()))];
  const latencies = servers.flatMap(({ latencyMs }) => latencyMs ?? []);
  const said = latencies.length === 0 ? '' : `, ${Math.max(...latencies)} ms away`;
  return {
    level: 'ok',
    code: 'well',
    message: `Connection "${name}" is well: ${versions.join(', ')}${said}.`,
    advice: '',
  };
}

/** `false` when this user may not; `undefined` when that is not known. */
async function canScan(connection: RedisConnection): Promise<boolean | undefined> {
  try {
    // Ends after one page.
    await connection.scan('doctor:', () => Promise.resolve(), AbortSignal.abort());
    return true;
  } catch (error) {
    if (!isRedisFailure(error)) throw error;
    return error instanceof RedisRefusedError && error.reply === 'NOPERM' ? false : undefined;
  }
}

async function within<T>(work: Promise<T>, endAtMs: number): Promise<T | undefined> {
  const ended = new AbortController();
  const deadline = systemClock.sleep(Math.max(1, endAtMs - performance.now()), ended.signal);
  try {
    return await Promise.race([work, deadline.then(() => undefined)]);
  } finally {
    ended.abort();
    work.catch(() => undefined);
  }
}
