import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisCacheModuleOptions } from 'nestjs-rcache';
import type { Notes } from './cache-load.mjs';
import { eventually } from './eventually.js';
import { ON_SOURCES } from './on-sources.js';
import { ROOT } from './pages.js';

const PROGRAM = join(ROOT, 'test/support/busy-application.mjs');
const LINGERS_AFTER_MS = 5_000;

/** What busy-application.mjs answers. */
interface Answers {
  start: number;
  notes: Notes;
  beginAnew: undefined;
  usesRedis: boolean;
  close: number;
  leftovers: string[];
}

/**
 * A process of its own with a Nest application, one after the other, whose cache is in use all the time. Only there can
 * be seen what reaches a process, and what keeps it alive. It does not outlive this one.
 */
export class Application {
  readonly #child: ChildProcess = fork(PROGRAM, [], { execArgv: ON_SOURCES, silent: true });
  readonly #exit = once(this.#child, 'exit') as Promise<[code: number | null]>;
  #printed = '';

  constructor() {
    this.#child.stderr?.on('data', (text: Buffer) => (this.#printed += text.toString()));
  }

  /** Resolves when the application listens, to the milliseconds it took. @throws Error when it does not start */
  start(options: RedisCacheModuleOptions): Promise<number> {
    return this.ask('start', options);
  }

  async ask<Question extends keyof Answers>(question: Question, argument?: unknown): Promise<Answers[Question]> {
    this.#child.send([question, argument]);
    const [{ answer, error }] = (await Promise.race([once(this.#child, 'message'), this.#unexpectedExit()])) as [
      { answer: Answers[Question]; error?: string },
    ];
    if (error !== undefined) throw new Error(error);
    return answer;
  }

  /** Resolves when a value was stored in Redis and read from there, and the link is trusted. */
  async usesRedis(): Promise<void> {
    await eventually(() => this.ask('usesRedis'), 20_000);
  }

  /** Lets the process end by itself; resolves to its exit code (`lingers` if it did not), and what it printed as errors. */
  async end(): Promise<{ code: number | null | 'lingers'; printed: string }> {
    this.#child.disconnect();
    const lingers = sleep(LINGERS_AFTER_MS, ['lingers'] as const, { ref: false });
    const [code] = await Promise.race([this.#exit, lingers]);
    return { code, printed: this.#printed };
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #unexpectedExit(): Promise<never> {
    const [code] = await this.#exit;
    throw new Error(`The application ended with ${code}:\n${this.#printed}`);
  }
}
