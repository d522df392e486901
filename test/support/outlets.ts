import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import type { CacheEngine } from '../../libs/redis-cache/src/cache/engine.js';
import { realProcess } from './real-process.js';

/** Everything that leaves the library, as whoever writes it to a log or a screen would see it. */
export class Outlets {
  readonly #texts: { outlet: string; text: string }[] = [];
  readonly #restore: (() => void)[] = [];

  constructor() {
    this.#listen('warning');
    this.#listen('unhandledRejection');
    this.#listen('uncaughtExceptionMonitor');
    for (const stream of [realProcess.stdout, realProcess.stderr]) this.#intercept(stream, 'write', true);
    for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) this.#intercept(console, method, false);
  }

  /** Of which specs see a copy only. */
  readonly process = realProcess;

  /** For `Test.createTestingModule(…).setLogger`. */
  readonly logger: LoggerService = Object.fromEntries(
    (['log', 'error', 'warn', 'debug', 'verbose', 'fatal'] as const).map((level) => [
      level,
      (...parts: unknown[]) => {
        for (const part of parts) this.add('log', part);
      },
    ]),
  ) as unknown as LoggerService;

  add(outlet: string, value: unknown): void {
    const full = { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null } as const;
    const texts = [String(value), inspect(value), inspect(value, full), json(value)];
    if (value instanceof Error) texts.push(value.message, String(value.stack), json(Object.entries(value)));
    for (const text of texts) this.#texts.push({ outlet, text });
  }

  /** Every event, whether or not somebody listens to it. */
  watch({ events }: CacheEngine): void {
    const emit = events.emit.bind(events);
    events.listensTo = () => true;
    events.emit = (name, event) => {
      this.add(`event ${name}`, event);
      emit(name, event);
    };
  }

  /** The answer of a call, or what it was rejected with, which is an outlet. */
  async attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      this.add('error', error);
      return undefined;
    }
  }

  /** How often each outlet was used. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { outlet } of this.#texts) counts[outlet] = (counts[outlet] ?? 0) + 1;
    return counts;
  }

  /** What left that holds one of these, in clear or in a usual encoding, with what is around it. */
  leaksOf(secrets: readonly string[], outlets = /./): string[] {
    const spellings = secrets.flatMap(spellingsOf);
    const leaks = this.#texts.flatMap(({ outlet, text }) => {
      if (!outlets.test(outlet)) return [];
      const at = Math.max(...spellings.map((spelling) => text.indexOf(spelling)));
      return at < 0 ? [] : [`${outlet}: …${text.slice(Math.max(0, at - 80), at + 80)}…`];
    });
    return [...new Set(leaks)];
  }

  close(): void {
    for (const restore of this.#restore.splice(0)) restore();
  }

  #listen(event: 'warning' | 'unhandledRejection' | 'uncaughtExceptionMonitor'): void {
    const listener = (value: unknown): void => {
      this.add(event, value);
    };
    realProcess.on(event, listener);
    this.#restore.push(() => realProcess.off(event, listener));
  }

  #intercept(target: object, name: string, passesOn: boolean): void {
    const holder = target as Record<string, (...args: unknown[]) => unknown>;
    const original = holder[name]!;
    holder[name] = (...args) => {
      for (const argument of args) this.add(`output ${name}`, argument);
      return passesOn ? original.apply(target, args) : true;
    };
    this.#restore.push(() => {
      holder[name] = original;
    });
  }
}

/** A secret in clear, and as bytes look in logs; in base64 it may begin at any of three places. */
function spellingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [
    secret,
    encodeURIComponent(secret),
    hex,
    (hex.match(/../g) as string[]).join(' '),
    [...bytes].join(),
    ...base64,
  ];
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value, (_name, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? '';
  } catch {
    return '';
  }
}
