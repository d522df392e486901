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

/** Seals and opens what Redis keeps of sessions. */
export class RecordCodec {
  constructor(private readonly ring: KeyRing) {}

  sealContent(binding: RecordBinding, { data, ...facts }: SessionContent): Buffer {
    // Two lines, since the data are compared and patched as they are stored; JSON has no line breaks.
    return seal(this.ring, boundTo('content', binding), Buffer.from(`${JSON.stringify(facts)}\n${data}`));
  }

  openContent(binding: RecordBinding, sealed: Buffer): SessionContent | SealFailure {
    const opened = open(this.ring, boundTo('content', binding), sealed);
    if (typeof opened === 'string') return opened;
    const text = opened.toString();
    const end = text.indexOf('\n');
    return { ...(JSON.parse(text.slice(0, end)) as SessionFacts), data: text.slice(end + 1) };
  }

  /** What the record of a rotated id leads to, for as long as the grace lasts. */
  sealSuccessor(binding: RecordBinding, id: string): Buffer {
    return seal(this.ring, boundTo('successor', binding), Buffer.from(id));
  }

  openSuccessor(binding: RecordBinding, sealed: Buffer): { id: string } | SealFailure {
    const opened = open(this.ring, boundTo('successor', binding), sealed);
    return typeof opened === 'string' ? opened : { id: opened.toString() };
  }
}

function boundTo(purpose: 'content' | 'successor', { namespace, handle, version, deadlineMs }: RecordBinding): Buffer {
  return Buffer.from(JSON.stringify([purpose, namespace, handle, version, deadlineMs]));
}
