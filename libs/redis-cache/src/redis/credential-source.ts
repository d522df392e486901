import type { ConnectionKind, ConnectionOptions, Credentials } from './connection-options.js';

const KINDS: readonly ConnectionKind[] = ['data', 'control', 'link', 'admin'];

/** What each kind of connection logs in with, as the application's `credentials` last said. */
export class CredentialSource {
  readonly #known = new Map<ConnectionKind, Credentials>();
  #asking: Promise<void> | undefined;

  constructor(private readonly options: Pick<ConnectionOptions, 'credentials'>) {}

  /** Nothing but what the other options say, where there is no such function. */
  of(kind: ConnectionKind): Credentials {
    return this.#known.get(kind) ?? {};
  }

  /** Asks for all kinds anew. Rejects with what the application's function throws. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { credentials } = this.options;
    if (credentials === undefined) return;
    await Promise.all(
      KINDS.map(async (kind) => {
        this.#known.set(kind, await credentials(kind));
      }),
    );
  }
}
