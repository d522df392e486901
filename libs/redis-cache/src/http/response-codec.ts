import type { Codec } from '../cache/value.js';
import { bytesOf } from './response-body.js';
import { isResponse, type Kept } from './response-load.js';

const END_OF_HEAD = '\n';
const LINE_FEED = 10;

/**
 * What is kept of responses as bytes: one line of JSON, then the body as it goes over the wire. Inside JSON text would be
 * escaped and bytes would be base64, and undoing that would cost each reader more than all the rest.
 */
export const RESPONSE_CODEC: Codec = {
  name: 'http-1',
  isShared: true,
  encode: (value) => {
    const kept = value as Kept | undefined;
    if (!isResponse(kept) || kept.body.type === 'value') return Buffer.from(JSON.stringify(kept ?? null) + END_OF_HEAD);
    const head = { ...kept, body: { type: kept.body.type } };
    return Buffer.concat([Buffer.from(JSON.stringify(head) + END_OF_HEAD), bytesOf(kept.body)]);
  },
  decode: (raw) => {
    const bytes = raw as Buffer;
    const end = bytes.indexOf(LINE_FEED);
    const kept = (JSON.parse(bytes.toString('utf8', 0, end)) ?? undefined) as Kept | undefined;
    if (!isResponse(kept)) return kept;
    const body = kept.body as { type: string; text?: string; bytes?: Buffer };
    // A copy: what was read with it is larger, and need not live as long.
    if (body.type === 'bytes') body.bytes = Buffer.from(bytes.subarray(end + 1));
    else if (body.type !== 'value') body.text = bytes.toString('utf8', end + 1);
    return kept;
  },
};
