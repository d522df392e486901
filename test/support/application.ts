import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { RedisCacheModuleOptions } from 'nestjs-rcache';
import type { Notes } from './cache-load.mjs';
import { eventually } from './eventually.js';
import { ROOT } from './pages.js';

const PROGRAM = join(ROOT, 'test/support/busy-application.mjs');
const HOOKS = pathToFileURL(join(ROOT, 'test/support/typescript.mjs')).href;
/** A process that has not ended by itself this long after it was closed is kept alive by something. */
const LINGERS_AFTER_MS = 5_000;

/** Answers of busy-application.mjs. */
interface Answers {
  notes: Notes;
  beginAnew: undefined;
  usesRedis: boolean;
  listeningAfterMs: number;
  close: number;
}

/** A process with a Nest application whose cache is in use all the time. It does not outlive this one. */
export class Application {
  readonly #child: ChildProcess;
  readonly #exit: Promise<[code: number | null]>;
  #errors = '';

  /** Resolves when the application listens. @throws Error with what it printed, when it ends instead */
  static async start(options: RedisCacheModuleOptions): Promise<Application> {
    const application = new Application(options);
    await application.#message();
    return application;
  }

  private constructor(options: RedisCacheModuleOptions) {
    const args = [JSON.stringify(options)];
    this.#child = fork(PROGRAM, args, { execArgv: ['--import', HOOKS], silent: true });
    this.#child.stderr?.on('data', (text: Buffer) => (this.#errors += text.toString()));
    this.#exit = once(this.#child, 'exit') as Promise<[number | null]>;
  }

  async ask<Question extends keyof Answers>(question: Question): Promise<Answers[Question]> {
    this.#child.send(question);
    return (await this.#message()) as Answers[Question];
  }

  /** Resolves when a value was stored in Redis and read from there, and the link is trusted. */
  async usesRedis(): Promise<void> {
    await eventually(() => this.ask('usesRedis'), 10_000);
  }

  /** How long `app.close()` took, and the code with which the process ended by itself; `lingers` when it did not. */
  async close(): Promise<{ closedAfterMs: number; exitCode: number | null | 'lingers' }> {
    const closedAfterMs = await this.ask('close');
    const [exitCode] = await Promise.race([this.#exit, sleep(LINGERS_AFTER_MS, ['lingers'] as const, { ref: false })]);
    this.kill();
    return { closedAfterMs, exitCode };
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #message(): Promise<unknown> {
    const [message] = (await Promise.race([
      once(this.#child, 'message'),
      this.#exit.then(([code]) => {
        throw new Error(`The application ended with ${code}:\n${this.#errors}`);
      }),
    ])) as [{ answer: unknown }];
    return message.answer;
  }
}
