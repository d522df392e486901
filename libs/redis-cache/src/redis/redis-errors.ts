import { RedisRefusedError, RedisUnavailableError, type RedisCacheError } from '../errors.js';
import { redirectionOf } from './redirection.js';

/**
 * Turns what ioredis throws into our own errors. An ioredis error carries the command with its arguments, passwords
 * and payloads included, so nothing of it is kept but the first word and a sanitised sentence; it is never a `cause`.
 */
export function translateRedisError(error: unknown, command: string): RedisCacheError {
  if (error instanceof RedisUnavailableError || error instanceof RedisRefusedError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const reply = isReply(error) ? firstWord(message) : undefined;
  const redirection = reply === undefined ? undefined : redirectionOf(message);
  if (redirection !== undefined) return redirection;
  if (reply !== undefined && !UNAVAILABLE_REPLIES.has(reply)) {
    return new RedisRefusedError(reply, `Redis refused ${command} with ${reply}.`);
  }
  return new RedisUnavailableError(`Redis did not answer ${command}: ${reason(message, reply)}.`);
}

/** Replies of a server that cannot serve us now; all others are answers to this one command. */
const UNAVAILABLE_REPLIES = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'NOAUTH', 'WRONGPASS', 'BUSY']);

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Of a reply; none of the one that Redis gives when it has too many clients, which is mostly lost as it closes at once. */
function firstWord(message: string): string | undefined {
  return message.startsWith('ERR max number of clients') ? undefined : /^[A-Z]{2,}(?=\s|$)/.exec(message)?.[0];
}

function reason(message: string, reply: string | undefined): string {
  if (reply !== undefined) return reply;
  if (message.includes('timed out') || message.includes('timeout')) return 'no answer in time';
  return 'the connection is down';
}

/** The bounded label of an error for events and metrics. */
export function errorLabel(error: unknown): string {
  if (error instanceof RedisRefusedError) return error.reply;
  if (!(error instanceof RedisUnavailableError)) return 'OTHER';
  if (error.message.includes('in time')) return 'TIMEOUT';
  return /: ([A-Z]+)\.$/.exec(error.message)?.[1] ?? 'CONNECTION';
}
