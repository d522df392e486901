import { inspect } from 'node:util';
import { RedisRefusedError, RedisUnavailableError } from '../errors.js';
import { errorLabel, translateRedisError } from './redis-errors.js';

function replyError(message: string): Error {
  const error = Object.assign(new Error(message), { command: { name: 'auth', args: ['the secret'] } });
  error.name = 'ReplyError';
  return error;
}

describe('translateRedisError', () => {
  it.each(['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS', 'NOPERM', 'CROSSSLOT', 'WRONGTYPE'])(
    'takes %s for an answer to one command',
    (reply) => {
      const error = translateRedisError(replyError(`${reply} because of this and that`), 'fill');
      expect(error).toBeInstanceOf(RedisRefusedError);
      expect(errorLabel(error)).toBe(reply);
    },
  );

  it.each(['LOADING', 'BUSY', 'NOAUTH', 'WRONGPASS', 'MASTERDOWN', 'CLUSTERDOWN'])(
    'takes %s for a server that cannot be used, and keeps the word',
    (reply) => {
      const error = translateRedisError(replyError(`${reply} because of this and that`), 'fill');
      expect(error).toBeInstanceOf(RedisUnavailableError);
      expect(errorLabel(error)).toBe(reply);
    },
  );

  it.each([
    ['the reply of a full server', replyError('ERR max number of clients reached'), 'CONNECTION'],
    ['a lost connection', new Error('Connection is closed.'), 'CONNECTION'],
    ['an error of the system that looks like a reply', new Error('ECONNRESET by peer'), 'CONNECTION'],
    ['a command that timed out', new Error('Command timed out'), 'TIMEOUT'],
  ])('finds no word in %s', (_what, thrown, label) => {
    const error = translateRedisError(thrown, 'fill');
    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect(errorLabel(error)).toBe(label);
  });

  it('keeps nothing of the command and its arguments', () => {
    expect(inspect(translateRedisError(replyError('WRONGPASS the secret'), 'connect'))).not.toContain('secret');
    expect(inspect(translateRedisError(replyError('OOM the secret'), 'fill'))).not.toContain('secret');
  });
});
