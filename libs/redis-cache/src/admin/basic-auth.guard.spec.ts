import { basicAuth } from './basic-auth.guard.js';

describe('basicAuth', () => {
  it.each([
    [{}, /there must be a user/],
    [{ ops: { password: 'short' } }, /password of ops must have at least 12/],
    [{ ops: {} }, /password of ops/],
    [{ 'a:b': { password: 'long enough to be one' } }, /a name has no colon/],
    [{ ops: { password: 'long enough to be one', rights: ['all'] } }, /rights of ops/],
    [undefined, /users must be an object/],
  ])('refuses %j', (users, message) => {
    expect(() => basicAuth(users as never)).toThrow(message);
  });

  it('never says what a password is', () => {
    expect(() => basicAuth({ ops: { password: 'hunter2' } })).toThrow(/^(?!.*hunter2)/s);
  });
});
