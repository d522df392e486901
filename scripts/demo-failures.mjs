// @ts-check
import { Redis } from 'ioredis';
import pg from 'pg';

/** @typedef {import('./demo-servers.mjs').DemoServers} DemoServers */
/** @typedef {'kill-redis' | 'hang-redis' | 'slow-redis' | 'flap-redis' | 'flush-redis' | 'stop-postgres' | 'fail-loader'} FailureName */

/**
 * What the demo can break.
 * @typedef {object} Failure
 * @property {FailureName} name
 * @property {string} key of the terminal
 * @property {string} title
 * @property {'redis' | 'postgres'} breaks one thing has one failure at a time
 * @property {() => Promise<void>} begin
 * @property {() => Promise<void>} [end] without it the failure is over at once
 */

const SLOW_MS = 200;
const FLAP_MS = 1_000;

/** The failures of a demo, switched on and off by name. */
export class Failures {
  /** @type {Set<FailureName>} */
  #on = new Set();
  /** One switch after the other, however fast they are pressed. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {DemoServers} servers those the demo did not start are left alone */
  constructor({ redis, postgres }) {
    this.all = [...(redis ? redisFailures(redis) : []), ...(postgres ? postgresFailures(postgres) : [])];
  }

  state() {
    return this.all.map(({ name, key, title, end }) => ({
      name,
      key,
      title,
      isMomentary: end === undefined,
      isOn: this.#on.has(name),
    }));
  }

  /**
   * Begins or ends a failure; one that breaks the same thing ends first.
   * @param {string} name
   * @param {boolean} isOn
   * @returns {Promise<boolean>} whether there is such a failure
   */
  switch(name, isOn) {
    const done = this.#last.then(() => this.#switch(name, isOn));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** @param {string} name */
  toggle(name) {
    return this.switch(name, !this.state().some((failure) => failure.name === name && failure.isOn));
  }

  /** Before the servers go: what cannot be mended then ends with them. */
  async endAll() {
    for (const { name } of this.all) await this.switch(name, false).catch(() => undefined);
  }

  /** @param {string} name @param {boolean} isOn */
  async #switch(name, isOn) {
    const wanted = this.all.find((failure) => failure.name === name);
    if (!wanted) return false;
    for (const failure of this.all) {
      const isInTheWay = failure === wanted || (isOn && failure.breaks === wanted.breaks);
      if (!isInTheWay || !this.#on.has(failure.name)) continue;
      await failure.end?.();
      this.#on.delete(failure.name);
    }
    if (!isOn) return true;
    await wanted.begin();
    if (wanted.end) this.#on.add(wanted.name);
    return true;
  }
}

/**
 * @param {NonNullable<DemoServers['redis']>} redis
 * @returns {Failure[]}
 */
function redisFailures({ proxy, server, restart }) {
  const heal = async () => proxy.heal();
  /** @type {NodeJS.Timeout | undefined} */
  let flapping;
  return [
    {
      name: 'kill-redis',
      key: 'k',
      title: 'Redis is killed, and comes back empty',
      breaks: 'redis',
      begin: () => server().kill(),
      end: restart,
    },
    {
      name: 'hang-redis',
      key: 'h',
      title: 'Redis hangs: it keeps its connections and does not answer',
      breaks: 'redis',
      begin: () => server().pause(),
      end: () => server().resume(),
    },
    {
      name: 'slow-redis',
      key: 's',
      title: `Redis answers ${SLOW_MS} ms later`,
      breaks: 'redis',
      begin: async () => proxy.apply({ type: 'latency', ms: SLOW_MS }),
      end: heal,
    },
    {
      name: 'flap-redis',
      key: 'f',
      title: 'Redis comes and goes every second',
      breaks: 'redis',
      begin: async () => {
        let isAway = false;
        const turn = () => {
          isAway = !isAway;
          if (isAway) proxy.apply({ type: 'refuse' });
          else proxy.heal();
        };
        turn();
        flapping = setInterval(turn, FLAP_MS);
      },
      end: async () => {
        clearInterval(flapping);
        proxy.heal();
      },
    },
    {
      name: 'flush-redis',
      key: 'x',
      title: 'Redis loses everything (FLUSHALL)',
      breaks: 'redis',
      begin: async () => {
        const client = new Redis(server().url);
        await client.flushall().finally(() => client.disconnect());
      },
    },
  ];
}

/**
 * @param {NonNullable<DemoServers['postgres']>} postgres
 * @returns {Failure[]}
 */
function postgresFailures({ proxy, url }) {
  return [
    {
      name: 'stop-postgres',
      key: 'p',
      title: 'PostgreSQL cannot be reached',
      breaks: 'postgres',
      begin: async () => proxy.apply({ type: 'refuse' }),
      end: async () => proxy.heal(),
    },
    {
      name: 'fail-loader',
      key: 'l',
      title: 'The loaders that read evidence fail: its table is renamed',
      breaks: 'postgres',
      begin: () => query(url, 'alter table evidence rename to evidence_away'),
      end: () => bringEvidenceBack(url),
    },
  ];
}

/**
 * Also for a start: a demo that was killed could not do it.
 * @param {string} url
 */
export function bringEvidenceBack(url) {
  return query(url, 'alter table if exists evidence_away rename to evidence');
}

/** @param {string} url @param {string} statement */
async function query(url, statement) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
