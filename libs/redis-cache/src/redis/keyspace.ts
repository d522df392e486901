import { SLOT_COUNT, slotOf } from './slots.js';

/**
 * The spelling of every key in Redis, and the only place that knows it. All keys of one entry share a hash tag and so
 * a cluster slot; the parts between the braces are encoded by `cache/key.ts` and never hold a brace.
 *
 *     app:e:{cache:key}   entry                      app:t:{tag}    id of a tag
 *     app:l:{cache:key}   lease of a running load    app:xt:{tag}   marker of a tag invalidation
 *     app:xe:{cache:key}  marker of an invalidation
 *     app:w:{cache:key}   wake marker: a load ended without storing
 *
 *     app:g:{n}:run       a server whose data were found to be believable, or made so
 *
 *     app:i:{fleet}[:id]      what the processes of the fleet tell each other for the admin page
 *
 *     app:s:{group}:handle    session                app:su:{group}:user    index of a user's sessions
 *
 * Tags are `u:<tag>` for the user's, `c:<cache>` for a whole cache and `n` for the namespace. In a cluster the last two
 * have copies, such as `c:users.3` and `n.3-17`: see `copiesOf`.
 */
export const NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

export type KeyKind = 'e' | 'l' | 'xe' | 'w' | 't' | 'xt';

/** The kinds whose changes the coherence link is told about. */
const WATCHED_KINDS: readonly KeyKind[] = ['e', 'xe', 'w', 't', 'xt'];

export interface WatchedKey {
  kind: KeyKind;
  /** What stands between the braces. */
  slotKey: string;
}

export class Keyspace {
  readonly #prefix: string;

  constructor(readonly namespace: string) {
    this.#prefix = `${namespace}:`;
  }

  of(kind: KeyKind, slotKey: string): string {
    return `${this.#prefix}${kind}:{${slotKey}}`;
  }

  /** Entry, lease and invalidation marker: the keys of the scripts in `cache/entry-scripts.ts`. */
  entryKeys(slotKey: string): [entry: string, lease: string, marker: string, wake: string] {
    return [this.of('e', slotKey), this.of('l', slotKey), this.of('xe', slotKey), this.of('w', slotKey)];
  }

  tagKeys(tag: string): [id: string, marker: string] {
    return [this.of('t', tag), this.of('xt', tag)];
  }

  /** Says of a run of a server that its namespace id, or this copy of it, is not older than the data it loaded. */
  judgedKey(namespaceCopy: string, runId: string): string {
    return `${this.#prefix}g:{${namespaceCopy}}:${runId}`;
  }

  /** Processes by when they were last heard of; what each told stands under its id. */
  get fleet(): string {
    return `${this.#prefix}i:{fleet}`;
  }

  /** A session: in the slot of its group, as is the index of its user. */
  session(group: string, handle: string): string {
    return `${this.#prefix}s:{${group}}:${handle}`;
  }

  userSessions(group: string, user: string): string {
    return `${this.#prefix}su:{${group}}:${user}`;
  }

  /** A SCAN pattern for all sessions. */
  get sessionsGlob(): string {
    return `${this.#prefix}s:{*`;
  }

  /** What the entries begin with whose slot keys begin like that. Leases have as many characters there. */
  entryHead(slotPrefix: string): string {
    return `${this.#prefix}e:{${slotPrefix}`;
  }

  /** A SCAN pattern for entries and leases; `slotGlob` is already a glob over encoded keys. */
  entryGlob(slotGlob: string): string {
    return `${this.#prefix}[el]:{${slotGlob}}`;
  }

  get watchedPrefixes(): string[] {
    return WATCHED_KINDS.map((kind) => `${this.#prefix}${kind}:`);
  }

  /** Reads a key that Redis announced or SCAN returned; `undefined` when it is not one of ours. */
  parse(redisKey: string): WatchedKey | undefined {
    if (!redisKey.startsWith(this.#prefix) || !redisKey.endsWith('}')) return undefined;
    const kindEnd = redisKey.indexOf(':', this.#prefix.length);
    if (kindEnd === -1 || redisKey.charCodeAt(kindEnd + 1) !== 0x7b) return undefined;
    const kind = redisKey.slice(this.#prefix.length, kindEnd) as KeyKind;
    return { kind, slotKey: redisKey.slice(kindEnd + 2, -1) };
  }
}

export const NAMESPACE_TAG = 'n';

export function cacheTag(cacheName: string): string {
  return `c:${cacheName}`;
}

export function userTag(encodedTag: string): string {
  return `u:${encodedTag}`;
}

const COPIES = 16;

/**
 * The copies of a reserved id in a cluster. Each entry records the copy that lies in the same sixteenth of the slots as
 * the entry itself, so that both are usually on the same node and a dead node makes no other node's entries unverifiable;
 * one id for all would. The number behind the dash is the first that puts the copy there.
 */
export function copiesOf(tag: string): readonly string[] {
  return Array.from({ length: COPIES }, (_, index) => {
    for (let attempt = 0; ; attempt++) {
      const copy = attempt === 0 ? `${tag}.${index}` : `${tag}.${index}-${attempt}`;
      if (copyIndexOf(copy) === index) return copy;
    }
  });
}

/** Which copy goes with what stands between the braces of a key. */
export function copyIndexOf(slotKey: string): number {
  return Math.floor((slotOf(slotKey) * COPIES) / SLOT_COUNT);
}
