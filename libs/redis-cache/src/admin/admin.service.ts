import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  Optional,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { CacheEngine } from '../cache/engine.js';
import type { EntryInspection } from '../cache/entry-inspection.js';
import { InvalidArgumentError } from '../errors.js';
import { type Alert, AlertsService } from '../ops/alerts.service.js';
import { CacheDoctor, type Diagnosis } from '../ops/doctor.js';
import { MetricsService } from '../ops/metrics.service.js';
import type { ServerFigures } from '../ops/server-info.js';
import type { WarmProgress } from '../ops/warm-run.js';
import { WarmUpService } from '../ops/warm-up.service.js';
import { ADMIN_OPTIONS, ADMIN_SESSIONS, CACHE_ENGINE, SESSION_CONNECTION } from '../tokens.js';
import { type Action, cacheOf, type Fields, inspectedKeyOf, KINDS, textOf } from './action.js';
import { Activity, type ActivityItem, type TagActivity } from './activity.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { type AdminSessions, type DeviceSession, revocationOf, sessionsIn } from './admin-sessions.js';
import { Audit } from './audit.js';
import { Confirmations, VALID_MS, type Wanted } from './confirmations.js';
import { type EntryCount, UNCOUNTED } from './entry-count.js';
import { Fleet } from './fleet.js';
import { History, type Series, type Span } from './history.js';
import { invalidationOf } from './invalidations.js';
import { type KeyPage, keyPage } from './key-pages.js';
import { type LiveMessage, LiveStreams } from './live-streams.js';
import { Overrides, type OverridesState } from './overrides.js';
import {
  type CacheOverview,
  cachesOf,
  type InstanceOverview,
  instancesOf,
  loadQuantiles,
  type Quantiles,
  readQuantiles,
  sessionsOf,
} from './overview.js';
import { sampleTags, type TagSample } from './tag-sample.js';
import { type TopKey, TopKeys } from './top-keys.js';

export interface Overview {
  atMs: number;
  namespace: string;
  isEnabled: boolean;
  /** Whether the other processes could be asked. */
  isWhole: boolean;
  instances: InstanceOverview[];
  caches: CacheOverview[];
  /** By connection. */
  servers: Record<string, ServerFigures>;
  alerts: Alert[];
  hasSessions: boolean;
  sessions: ReturnType<typeof sessionsOf>;
  overrides: OverridesState;
  warmUps: WarmUpOverview[];
  tags: TagActivity[];
  activity: ActivityItem[];
}

export interface WarmUpOverview {
  warmer: string;
  /** Missing while none of this process runs. */
  progress?: Readonly<WarmProgress>;
}

export interface HistoryOverview extends Omit<Series, 'reads' | 'loads'> {
  read: Quantiles[];
  load: Quantiles[];
}

/** What would happen, and what to confirm it with. */
export interface Preview extends EntryCount {
  /** A sentence. */
  what: string;
  /** To be typed by whoever confirms it. */
  name?: string;
  token: string;
  validMs: number;
}

/** How often processes tell each other about themselves, and how often when somebody looks. */
const EXCHANGE_MS = 5_000;
const WATCHED_EXCHANGE_MS = 2_000;
const SHOWN_ACTIVITY = 50;
const SHOWN_TAGS = 20;
/** A diagnosis and a sample are shared by all who ask within this time. */
const SHARED_MS = 5_000;

/** What the admin page shows and does. It keeps answering without Redis, about this process alone. */
@Injectable()
export class AdminService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #fleet: Fleet;
  readonly #history = new History();
  readonly #activity: Activity;
  readonly #topKeys: TopKeys | undefined;
  readonly #confirmations: Confirmations;
  readonly #overrides: Overrides;
  readonly #streams: LiveStreams;
  readonly #logger = new Logger('RedisCacheModule');
  readonly #audit: Audit;
  readonly #diagnosis = shared(() => this.doctor.examine());
  readonly #tagSample = shared(async () => {
    const connection = this.engine.connection();
    return connection === undefined ? undefined : sampleTags(this.engine, connection);
  });
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(MetricsService) private readonly metrics: MetricsService,
    @Inject(AlertsService) private readonly alerts: AlertsService,
    @Inject(WarmUpService) private readonly warmUps: WarmUpService,
    @Inject(CacheDoctor) private readonly doctor: CacheDoctor,
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    @Optional() @Inject(ADMIN_SESSIONS) private readonly sessions?: AdminSessions,
    @Optional() @Inject(SESSION_CONNECTION) sessionConnection?: string,
  ) {
    this.#fleet = new Fleet(engine, metrics.source.counts);
    this.#activity = new Activity(engine.events);
    this.#audit = new Audit(engine.events, this.#logger);
    this.#topKeys = options.topKeys === 0 ? undefined : new TopKeys(engine.events, options.topKeys);
    this.#confirmations = new Confirmations(() => this.#fleet.secret);
    this.#overrides = new Overrides(engine, this.#fleet, sessionConnection);
    this.#streams = new LiveStreams(this.#activity, this.#fleet.id, () => this.overview(), this.#logger);
  }

  async overview(): Promise<Overview> {
    const { reports } = this.#fleet;
    return {
      atMs: Date.now(),
      namespace: this.engine.namespace,
      isEnabled: this.engine.isEnabled,
      isWhole: this.#fleet.isWhole,
      instances: instancesOf(reports, this.#fleet.id),
      caches: cachesOf(reports, this.#history),
      servers: Object.fromEntries((await this.metrics.source.server?.figures()) ?? []),
      alerts: this.alerts.active(),
      hasSessions: this.sessions !== undefined,
      sessions: sessionsOf(reports),
      overrides: this.#overrides.state(),
      warmUps: this.warmUpStates(),
      tags: this.#activity.tags(SHOWN_TAGS),
      activity: this.#activity.latest(SHOWN_ACTIVITY),
    };
  }

  /** @throws InvalidArgumentError for a name no cache has */
  cache(name: string): { cache: CacheOverview | undefined; topKeys: TopKey[] | undefined; history: HistoryOverview } {
    cacheOf(this.engine, name);
    return {
      cache: cachesOf(this.#fleet.reports, this.#history).find((each) => each.name === name),
      topKeys: this.#topKeys?.of(name),
      history: this.history('fine', name),
    };
  }

  history(span: Span, cache?: string): HistoryOverview {
    const { reads, loads, ...series } = this.#history.series(span, cache);
    return { ...series, read: reads.map(readQuantiles), load: loads.map(loadQuantiles) };
  }

  /**
   * One entry, without its value unless the options allow it.
   *
   * @throws InvalidArgumentError for a key that cannot be one, MissingContextError where the cache has a context
   */
  async lookUp(fields: Fields, user: string): Promise<EntryInspection> {
    const cache = cacheOf(this.engine, fields.cache);
    const found = await cache.inspect(inspectedKeyOf(fields));
    this.#audit.note(user, 'look-up', `${cache.name} ${found.storedKey}`, found.decision);
    const { value: _value, ...hidden } = found;
    return this.options.values ? found : hidden;
  }

  /** Some keys of a cache. @throws InvalidArgumentError for a cache, pattern or place that cannot be one */
  async keys(fields: Fields, user: string): Promise<KeyPage> {
    const cache = cacheOf(this.engine, fields.cache);
    const pattern = textOf(fields, 'pattern');
    const page = await keyPage(this.engine, cache, pattern, textOf(fields, 'after'));
    if (page === undefined) throw new InvalidArgumentError('Redis did not answer, or may not be asked for its keys.');
    this.#audit.note(user, 'list-keys', `${cache.name} ${pattern}`, `${page.keys.length} shown`);
    return page;
  }

  /** The tags of some entries of the main connection. */
  async tags(): Promise<TagSample> {
    return (await this.#tagSample()) ?? { sampled: 0, isWhole: false, tags: [] };
  }

  diagnosis(): Promise<Diagnosis> {
    return this.#diagnosis();
  }

  /** @throws InvalidArgumentError where there are no sessions, or for a user id that cannot be one */
  sessionsOf(fields: Fields, user: string): Promise<DeviceSession[]> {
    const of = textOf(fields, 'user');
    const list = (): Promise<DeviceSession[]> => sessionsIn(this.sessions).listOf(of);
    return this.#audit.noted(user, 'list-sessions', of, list, ({ length }) => `${length} shown`);
  }

  /** What an action would do. @throws InvalidArgumentError for one that cannot be done */
  async preview(fields: Fields, user: string): Promise<Preview> {
    const { what, name, count } = this.#actionOf(fields);
    const counted = (await count?.()) ?? { ...UNCOUNTED };
    const token = this.#confirmations.tokenOf(wantedOf(fields), user);
    return { ...counted, what, ...(name === undefined ? {} : { name }), token, validMs: VALID_MS };
  }

  /** @throws InvalidArgumentError for a token that does not confirm a preview of this user */
  async act(token: unknown, user: string): Promise<{ status: string }> {
    const { audited, target, apply } = this.#actionOf(this.#confirmations.wantedOf(token, user));
    return { status: await this.#audit.noted(user, audited, target, apply, String) };
  }

  /** Ends a bypass, or lets a breaker go. @throws InvalidArgumentError for one there is not */
  async endOverride(fields: Fields, user: string): Promise<{ status: string }> {
    const { target, outcome } = await this.#overrides.end(fields);
    this.#audit.note(user, fields.kind === 'bypass' ? 'end-bypass' : 'release-breaker', target, outcome);
    return { status: outcome };
  }

  warmUpStates(): WarmUpOverview[] {
    const running = new Map(this.warmUps.runs().map(({ warmer, progress }) => [warmer, progress]));
    return this.warmUps.names().map((warmer) => ({ warmer, progress: running.get(warmer) }));
  }

  /** @throws InvalidArgumentError for a name no warmer has */
  async warm(warmer: unknown, user: string): Promise<WarmUpOverview> {
    const name = String(warmer);
    const run = await this.#audit.noted(
      user,
      'warm',
      name,
      () => this.warmUps.run(name),
      () => 'started',
    );
    return { warmer: run.warmer, progress: run.progress };
  }

  cancelWarmUp(warmer: unknown, user: string): { isCancelled: boolean } {
    const run = this.warmUps.runs().find((each) => each.warmer === warmer);
    run?.cancel();
    this.#audit.note(user, 'cancel-warm-up', String(warmer), run === undefined ? 'not running' : 'cancelled');
    return { isCancelled: run !== undefined };
  }

  get hasRoomForStream(): boolean {
    return this.#streams.hasRoom;
  }

  /** The overview now and as it changes, and what happens, from what a page has seen last. */
  live(lastId?: unknown): Observable<LiveMessage> {
    return this.#streams.open(lastId, () => {
      this.#schedule();
    });
  }

  /** Exchanges reports with the other processes now; done by itself every few seconds. */
  refresh(): Promise<void> {
    // One after the other, for the history takes each report for newer than the one before.
    const turn = this.#turn.then(() => this.#exchange());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.guards.length === 0) {
      this.#logger.warn(`The admin page at "${this.options.path}" has no guard: it answers this machine alone.`);
    }
    await this.refresh();
    this.#schedule();
  }

  /** Open streams would keep the server from closing. */
  onModuleDestroy(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#overrides.close();
    this.#streams.close();
  }

  #actionOf(fields: Fields): Action {
    const action =
      invalidationOf(this.engine, fields) ?? this.#overrides.of(fields) ?? revocationOf(this.sessions, fields);
    if (action !== undefined) return action;
    throw new InvalidArgumentError(`kind must be one of ${KINDS.join(', ')}.`);
  }

  async #exchange(): Promise<void> {
    await this.#overrides.exchange();
    this.#history.note(this.#fleet.reports, Date.now());
    this.#streams.tick();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const again = (): void => {
      this.refresh()
        .catch((error: unknown) => {
          this.#logger.error(error);
        })
        .finally(() => {
          this.#schedule();
        });
    };
    this.#timer = setTimeout(again, this.#streams.isWatched ? WATCHED_EXCHANGE_MS : EXCHANGE_MS);
    this.#timer.unref();
  }
}

const WANTED = ['kind', 'cache', 'target', 'connection', 'state', 'seconds', 'user', 'session'];

/** What of a request says what is wanted, which has been checked. */
function wantedOf(fields: Fields): Wanted {
  return Object.fromEntries(
    WANTED.filter((name) => fields[name] !== undefined).map((name) => [name, textOf(fields, name)]),
  );
}

/** Work whose result is good for whoever asks within a few seconds. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let latest: Promise<T> | undefined;
  let begunAtMs = -Infinity;
  return () => {
    if (latest === undefined || performance.now() - begunAtMs >= SHARED_MS) {
      begunAtMs = performance.now();
      latest = work();
    }
    return latest;
  };
}
