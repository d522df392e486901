// @ts-check

/** @typedef {'data' | 'control' | 'link' | 'admin' | 'sentinel' | 'replica' | 'other'} ConnectionKind */

/** What an application opens; what servers open among themselves is `sentinel` and `replica`. */
export const CLIENT_KINDS = /** @type {const} */ (['data', 'control', 'link', 'admin', 'other']);

// A connection says what it is within its first packets, which are short.
const HEAD_BYTES = 1_024;
const NAME = /\r\nSETNAME\r\n\$\d+\r\n(?:rcache:(data|control|link|admin)\b|(sentinel)-)/i;
const TRACKING = /\r\nCLIENT\r\n\$\d+\r\nTRACKING\r\n/i;
const FIRST_COMMAND = /^\*\d+\r\n\$\d+\r\n([A-Z]+)\r\n/i;

/**
 * What a connection is for, told by what it sends: the name it gives itself (`rcache:<kind>`, `sentinel-…`), tracking
 * (a link), replication (a replica).
 *
 * @param {ConnectionKind | undefined} kind what is known so far
 * @param {Buffer} data what it sends now
 * @returns {ConnectionKind | undefined} undefined as long as it only introduces itself
 */
export function kindAfter(kind, data) {
  if (kind === 'data' || kind === 'control' || kind === 'link' || kind === 'admin' || kind === 'sentinel') return kind;
  const head = data.toString('latin1', 0, HEAD_BYTES);
  const [, ours, sentinel] = NAME.exec(head) ?? [];
  if (ours ?? sentinel) return /** @type {ConnectionKind} */ ((ours ?? sentinel)?.toLowerCase());
  if (TRACKING.test(head)) return 'link';
  switch (FIRST_COMMAND.exec(head)?.[1]?.toUpperCase()) {
    case 'REPLCONF':
    case 'PSYNC':
      return 'replica';
    case 'PING':
      // A replica greets with a ping and says only then who it is. No client of ours does.
      return kind ?? 'replica';
    case 'AUTH':
    case 'HELLO':
    case 'SELECT':
      return kind;
    default:
      return 'other';
  }
}
