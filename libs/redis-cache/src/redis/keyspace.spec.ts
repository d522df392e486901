import { cacheTag, Keyspace, NAME_PATTERN, NAMESPACE_TAG, userTag } from './keyspace.js';

describe('the keyspace', () => {
  const keyspace = new Keyspace('app');

  it('gives all keys of an entry one hash tag, and so one slot', () => {
    expect(keyspace.entryKeys('users:/user/~n1')).toEqual([
      'app:e:{users:/user/~n1}',
      'app:l:{users:/user/~n1}',
      'app:xe:{users:/user/~n1}',
      'app:w:{users:/user/~n1}',
    ]);
    expect(keyspace.tagKeys('u:t')).toEqual(['app:t:{u:t}', 'app:xt:{u:t}']);
  });

  it('tells the tags of users, caches and the namespace apart, whatever users call theirs', () => {
    const tags = [userTag('n'), userTag('c:users'), cacheTag('users'), NAMESPACE_TAG];
    expect(tags).toEqual(['u:n', 'u:c:users', 'c:users', 'n']);
    expect(new Set(tags.map((tag) => keyspace.of('t', tag))).size).toBe(tags.length);
  });

  it('reads back what it has spelt', () => {
    for (const kind of ['e', 'l', 'xe', 'w', 't', 'xt'] as const) {
      for (const slotKey of ['default:k', 'a:b:c:', 'u:x', 'default:%7B%7D']) {
        expect(keyspace.parse(keyspace.of(kind, slotKey))).toEqual({ kind, slotKey });
      }
    }
  });

  it.each(['app', 'app:', 'app:e', 'app:e:k', 'app:e:{k', 'app:e{k}', 'other:e:{k}', 'ap:e:{k}', 'apps:e:{k}', ''])(
    'takes %p for somebody else’s',
    (redisKey) => {
      expect(keyspace.parse(redisKey)).toBeUndefined();
    },
  );

  it('has the link watch everything but leases, and nothing of other namespaces', () => {
    expect(keyspace.watchedPrefixes).toEqual(['app:e:', 'app:xe:', 'app:w:', 'app:t:', 'app:xt:']);
  });

  it.each(['a', 'A-z_09', 'x'.repeat(64)])('allows the name %s', (name) => {
    expect(NAME_PATTERN.test(name)).toBe(true);
  });

  it.each(['', 'a:b', 'a.b', 'a b', 'ü', '*', 'a{', 'a\n', 'x'.repeat(65)])('refuses the name %j', (name) => {
    expect(NAME_PATTERN.test(name)).toBe(false);
  });
});
