import { LRUCache } from 'lru-cache';
import type { KeyRing } from './key-ring.js';
import { open, seal, type SealFailure } from './record-seal.js';

/** What is known about a session besides its data. Instants are in the time of the Redis server. */
export interface SessionFacts {
  readonly userId: string | undefined;
  readonly createdAtMs: number;
  /** When its present id was made; not `createdAtMs` after a rotation. */
  readonly issuedAtMs: number;
  readonly ip: string | undefined;
  readonly userAgent: string | undefined;
}

export interface SessionContent extends SessionFacts {
  /** JSON of an object. */
  readonly data: string;
}

/** Where and for how long a record holds. */
export interface RecordBinding {
  readonly namespace: string;
  readonly handle: string;
  readonly version: number;
  /** End of the session whatever happens, in the time of the server. */
  readonly deadlineMs: number;
}

const MAX_REMEMBERED_BYTES = 8 * 1024 * 1024;

/**
 * Seals and opens what Redis keeps of sessions. Remembers what the last records held, because deriving a key takes longer
 * than all the rest; a record is opened from memory only if Redis gave exactly the same bytes for the same place.
 */
export class RecordCodec {
  readonly #remembered = new LRUCache<string, { sealed: Buffer; content: SessionContent }>({
    maxSize: MAX_REMEMBERED_BYTES,
    sizeCalculation: ({ sealed }) => 2 * sealed.length,
  });

  constructor(private readonly ring: KeyRing) {}

  sealContent(binding: RecordBinding, content: SessionContent): Buffer {
    const { data, ...facts } = content;
    const bound = boundTo('content', binding);
    // Two lines, since the data are compared and patched as they are stored; JSON has no line breaks.
    const sealed = seal(this.ring, Buffer.from(bound), Buffer.from(`${JSON.stringify(facts)}\n${data}`));
    this.#remembered.set(bound, { sealed, content });
    return sealed;
  }

  openContent(binding: RecordBinding, sealed: Buffer): SessionContent | SealFailure {
    const bound = boundTo('content', binding);
    const remembered = this.#remembered.get(bound);
    if (remembered?.sealed.equals(sealed)) return remembered.content;
    const opened = open(this.ring, Buffer.from(bound), sealed);
    if (typeof opened === 'string') return opened;
    const text = opened.toString();
    const end = text.indexOf('\n');
    const content = { ...(JSON.parse(text.slice(0, end)) as SessionFacts), data: text.slice(end + 1) };
    this.#remembered.set(bound, { sealed, content });
    return content;
  }

  /** What the record of a rotated id leads to, for as long as the grace lasts. */
  sealSuccessor(binding: RecordBinding, id: string): Buffer {
    return seal(this.ring, Buffer.from(boundTo('successor', binding)), Buffer.from(id));
  }

  openSuccessor(binding: RecordBinding, sealed: Buffer): { id: string } | SealFailure {
    const opened = open(this.ring, Buffer.from(boundTo('successor', binding)), sealed);
    return typeof opened === 'string' ? opened : { id: opened.toString() };
  }
}

function boundTo(purpose: 'content' | 'successor', { namespace, handle, version, deadlineMs }: RecordBinding): string {
  return JSON.stringify([purpose, namespace, handle, version, deadlineMs]);
}
