export interface TagId {
  readonly tag: string;
  /** 12 base64url characters. */
  readonly id: string;
}

/** The ids an entry records: those of its namespace, its cache and its tags when its load began. */
export interface Recorded {
  readonly namespaceId: string;
  readonly cacheId: string;
  /** At most 255. */
  readonly tags: readonly TagId[];
}

/** The same as one list, under the tags that namespace and cache have for the entry. */
export function listOf(recorded: Recorded, [namespace, cache]: readonly [string, string]): readonly TagId[] {
  return [{ tag: namespace, id: recorded.namespaceId }, { tag: cache, id: recorded.cacheId }, ...recorded.tags];
}

interface Known {
  readonly bytes: Buffer;
  readonly recorded: Recorded;
}

const PLACES = 1024;
/** A longer one is unlikely to come again. */
const MAX_BYTES = 512;

/**
 * Entries loaded under the same ids have the same bytes for them: who reads one after the other gets the same object, and
 * decodes them once. A place holds the last one with its hash.
 */
export class RecordedIds {
  readonly #places = new Array<Known | undefined>(PLACES).fill(undefined);
  #last: Known = { bytes: Buffer.alloc(0), recorded: { namespaceId: '', cacheId: '', tags: [] } };

  /** What stands in `raw` from `start` to `end`, decoded unless it is known. */
  get(raw: Buffer, start: number, end: number, decode: (raw: Buffer) => Recorded | undefined): Recorded | undefined {
    if (isSame(raw, start, end, this.#last.bytes)) return this.#last.recorded;
    if (end - start > MAX_BYTES) return decode(raw);
    const place = hash(raw, start, end) % PLACES;
    let known = this.#places[place];
    if (known === undefined || !isSame(raw, start, end, known.bytes)) {
      const recorded = decode(raw);
      if (recorded === undefined) return undefined;
      known = { bytes: Buffer.from(raw.subarray(start, end)), recorded };
      this.#places[place] = known;
    }
    this.#last = known;
    return known.recorded;
  }
}

function isSame(raw: Buffer, start: number, end: number, bytes: Buffer): boolean {
  if (bytes.length !== end - start) return false;
  for (let index = 0; index < bytes.length; index++) if (raw[start + index] !== bytes[index]) return false;
  return true;
}

/** FNV-1a. */
function hash(raw: Buffer, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let index = start; index < end; index++) value = Math.imul(value ^ (raw[index] as number), 0x01000193);
  return value >>> 0;
}
