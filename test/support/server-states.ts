import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../scripts/servers.mjs';
import { startStandalone } from '../lab/standalone.mjs';
import { eventually } from './eventually.js';

/** A private Redis that can be brought into one state, and out of it. */
export interface Stage {
  readonly connection: { url: string; password?: string };
  /** Another client, allowed everything. It stays connected in every state but that of a server that restarts. */
  readonly admin: Redis;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
  /** Harmless in any state. */
  stop(): Promise<void>;
}

interface Scene {
  readonly admin: Redis;
  /** Where the server keeps its snapshot. */
  readonly folder: string;
  /** Ends the server without a warning, and starts it with its last snapshot and perhaps further arguments. */
  restart(args?: readonly string[]): Promise<void>;
}

interface State {
  readonly args?: readonly string[];
  readonly password?: string;
  /** Resolves to what ends the state. */
  readonly begin: (scene: Scene) => Promise<() => Promise<unknown>>;
}

const PASSWORD = 'of-the-stage';
/** A snapshot that takes seconds to load, until it is told to hurry. */
const FILLERS = 2000;
const FILLER_LOAD_MICROS = 2000;
const FLUSH_INTERVAL_MS = 10;

/** The address of a plain connection turns out to be that of a cluster's node. */
const NODE_OF_A_CLUSTER: State = {
  begin: async ({ restart }) => {
    await restart(['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())]);
    return () => restart();
  },
};

const STATES: Record<string, State> = {
  LOADING: {
    // How often the server listens while it loads.
    args: ['--key-load-delay', String(FILLER_LOAD_MICROS), '--loading-process-events-interval-bytes', '1024'],
    begin: async ({ admin, restart }) => {
      const fill = `for i = 1, ${FILLERS} do redis.call('SET', 'filler:' .. i, string.rep('x', 100)) end`;
      await admin.eval(fill, 0);
      await admin.save();
      const restarted = restart();
      await eventually(async () => /loading:1/.test(await admin.info('persistence')));
      return async () => {
        await admin.config('SET', 'key-load-delay', '0');
        await restarted;
      };
    },
  },
  MAXCLIENTS: {
    begin: async ({ admin }) => {
      await admin.config('SET', 'maxclients', '1');
      await cutOthers(admin);
      return () => admin.config('SET', 'maxclients', '100');
    },
  },
  OOM: setting('maxmemory', '1', '0'),
  NOREPLICAS: setting('min-replicas-to-write', '1', '0'),
  READONLY: {
    begin: async ({ admin }) => {
      await admin.replicaof('127.0.0.1', await freePort());
      return () => admin.replicaof('NO', 'ONE');
    },
  },
  MISCONF: {
    args: ['--save', '3600 1000000'],
    begin: async ({ admin, folder }) => {
      // A folder where the snapshot belongs, and not a missing right, because tests may run as root.
      const obstacle = join(folder, 'dump.rdb');
      await mkdir(join(obstacle, 'in the way'), { recursive: true });
      await savedWith(admin, 'err');
      return async () => {
        await rm(obstacle, { recursive: true });
        await savedWith(admin, 'ok');
      };
    },
  },
  BUSY: {
    // Before that Redis is silent.
    args: ['--busy-reply-threshold', '20'],
    begin: async ({ admin }) => {
      const endless = admin.duplicate();
      endless.on('error', ignore);
      endless.eval('while true do end', 0).catch(ignore);
      await eventually(async () => {
        const answer: unknown = await admin.ping().catch((error: unknown) => error);
        return String(answer).includes('BUSY');
      });
      return async () => {
        await admin.script('KILL');
        endless.disconnect();
      };
    },
  },
  NOAUTH: {
    begin: async ({ admin }) => {
      await logInAsAdmin(admin);
      await admin.config('SET', 'requirepass', PASSWORD);
      await cutOthers(admin);
      return () => admin.config('SET', 'requirepass', '');
    },
  },
  WRONGPASS: {
    args: ['--requirepass', PASSWORD],
    password: PASSWORD,
    begin: async ({ admin }) => {
      await logInAsAdmin(admin);
      await admin.config('SET', 'requirepass', 'another');
      await cutOthers(admin);
      return () => admin.config('SET', 'requirepass', PASSWORD);
    },
  },
  NOPERM: {
    begin: async ({ admin }) => {
      await logInAsAdmin(admin);
      await admin.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha');
      return () => admin.call('ACL', 'SETUSER', 'default', '+eval', '+evalsha');
    },
  },
  MOVED: NODE_OF_A_CLUSTER,
  CROSSSLOT: NODE_OF_A_CLUSTER,
  NOSCRIPT: {
    begin: async ({ admin }) => {
      await admin.script('FLUSH');
      const ended = new AbortController();
      const flushing = (async () => {
        for await (const _ of every(FLUSH_INTERVAL_MS, undefined, { signal: ended.signal }))
          await admin.script('FLUSH');
      })().catch(ignore);
      return async () => {
        ended.abort();
        await flushing;
      };
    },
  },
};

/** The states that can be staged, by the first word of the replies they bring. */
export const STAGED: readonly string[] = Object.keys(STATES);

/** @param state one of `STAGED` */
export async function stageOf(state: string): Promise<Stage> {
  const { args = [], password, begin } = STATES[state] as State;
  const lab = await startStandalone({ args: [...args], persistent: true });
  const [node] = lab.nodes as [(typeof lab.nodes)[number]];
  const credentials = password === undefined ? {} : { password };
  // The ready check would wait for the end of LOADING.
  const admin = new Redis(node.url, { ...credentials, enableReadyCheck: false, retryStrategy: () => 10 });
  admin.on('error', ignore);
  let end: (() => Promise<unknown>) | undefined;
  const usualArgs = [...node.args];
  const restart = async (further: readonly string[] = []): Promise<void> => {
    node.args = [...usualArgs, ...further];
    await node.kill();
    await node.start();
  };
  return {
    connection: { url: node.url, ...credentials },
    admin,
    begin: async () => (end = await begin({ admin, folder: node.folder, restart })),
    end: async () => end?.(),
    stop: async () => {
      admin.disconnect();
      await lab.stop();
    },
  };
}

function setting(name: string, value: string, usual: string): State {
  return {
    begin: async ({ admin }) => {
      await admin.config('SET', name, value);
      return () => admin.config('SET', name, usual);
    },
  };
}

/** Ends the connections of everybody else, as a server does when it restarts. */
async function cutOthers(admin: Redis): Promise<void> {
  for (const type of ['normal', 'pubsub']) await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}

/** Under a name of its own, so that what befalls the default user leaves it alone. */
async function logInAsAdmin(admin: Redis): Promise<void> {
  await admin.call('ACL', 'SETUSER', 'admin', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
  await admin.call('AUTH', 'admin', PASSWORD);
}

async function savedWith(admin: Redis, status: 'ok' | 'err'): Promise<void> {
  await admin.bgsave();
  await eventually(async () => (await admin.info('persistence')).includes(`rdb_last_bgsave_status:${status}`));
}

function ignore(): void {}
