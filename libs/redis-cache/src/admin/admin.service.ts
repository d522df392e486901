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
import { cacheOf, type Fields, inspectedKeyOf, textOf } from './action.js';
import { Activity, type ActivityItem, type TagActivity } from './activity.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { type AdminSessions, type DeviceSession, sessionsIn } from './admin-sessions.js';
import { Audit } from './audit.js';
import { ExchangeLoop } from './exchange-loop.js';
import { Fleet } from './fleet.js';
import { History, type Series, type Span } from './history.js';
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
import { shared } from './shared.js';
import { shownValue } from './shown-value.js';
import { sampleTags, type TagSample } from './tag-sample.js';
import { type TopKey, TopKeys } from './top-keys.js';
import { type Preview, TwoSteps } from './two-steps.js';

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
  readonly #twoSteps: TwoSteps;
  readonly #overrides: Overrides;
  readonly #streams: LiveStreams;
  readonly #loop: ExchangeLoop;
  readonly #logger = new Logger('RedisCacheModule');
  readonly #audit: Audit;
  readonly #diagnosis = shared(() => this.doctor.examine(), SHARED_MS);
  readonly #tagSample = shared(async () => {
    const connection = this.engine.connection();
    return connection === undefined ? undefined : sampleTags(this.engine, connection);
  }, SHARED_MS);
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
    this.#overrides = new Overrides(engine, this.#fleet, sessionConnection);
    this.#streams = new LiveStreams(this.#activity, this.#fleet.id, () => this.overview(), this.#logger);
    this.#twoSteps = new TwoSteps(engine, this.#overrides, sessions, this.#audit, () => this.#fleet.secret);
    this.#loop = new ExchangeLoop(
      () => this.#exchange(),
      () => this.#streams.isWatched,
      this.#logger,
    );
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
    const { value, ...hidden } = found;
    return this.options.values && 'value' in found ? { ...hidden, value: shownValue(value) } : hidden;
  }

  /** Some keys of a cache. @throws InvalidArgumentError for a cache, pattern or place that cannot be one */
  async keys(fields: Fields, user: string): Promise<KeyPage> {
    const cache = cacheOf(this.engine, fields.cache);
    const pattern = textOf(fields, 'pattern');
    const page = await keyPage(this.engine, cache, pattern, textOf(fields, 'after'));
    if (page === undefined) throw new InvalidArgumentError('Redis did not answer, or may not be asked for its keys.');
    this.#audit.note(user, 'list-keys', `${cache.name} ${pattern}`.trim(), `${page.keys.length} shown`);
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
  preview(fields: Fields, user: string): Promise<Preview> {
    return this.#twoSteps.preview(fields, user);
  }

  /** @throws InvalidArgumentError for a token that does not confirm a preview of this user */
  act(token: unknown, user: string): Promise<{ status: string }> {
    return this.#twoSteps.act(token, user);
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
      this.#loop.schedule();
    });
  }

  /** Exchanges reports with the other processes now; done by itself every few seconds. */
  refresh(): Promise<void> {
    return this.#loop.refresh();
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.guards.length === 0) {
      this.#logger.warn(`The admin page at "${this.options.path}" has no guard: it answers this machine alone.`);
    }
    await this.refresh();
    this.#loop.schedule();
  }

  /** Open streams would keep the server from closing. */
  onModuleDestroy(): void {
    this.#loop.close();
    this.#overrides.close();
    this.#streams.close();
  }

  async #exchange(): Promise<void> {
    await this.#overrides.exchange();
    this.#history.note(this.#fleet.reports, Date.now());
    this.#streams.tick();
  }
}
