import type { HttpRequest } from './http-message.js';
import { locationTag, pathTag } from './path-tag.js';

const at = (originalUrl: string, hostname = 'shop.example'): HttpRequest => ({
  headers: { host: `${hostname}:80` },
  hostname,
  originalUrl,
});
const users = pathTag(at('/users/1'));

describe('the tag of a path', () => {
  it.each(['/users/1?a=b', '/Users/1', '//users//1', '/users/1/', '/users/%31', 'http://shop.example/users/1'])(
    'is the same for %s, which a router may take for the same path',
    (url) => {
      expect(pathTag(at(url))).toBe(users);
    },
  );

  it.each(['/users/2', '/users/1/2', '/', '/users%2F', '/users/%ff'])('is another one for %s', (url) => {
    expect(pathTag(at(url))).not.toBe(users);
  });

  it('is another one on another host, in whatever case it is spelled', () => {
    expect(pathTag(at('/users/1', 'SHOP.example'))).toBe(users);
    expect(pathTag(at('/users/1', 'other.example'))).not.toBe(users);
  });

  it('is short for long paths, and still one of its own', () => {
    const [one, other] = ['a', 'b'].map((end) => pathTag(at(`/${'x'.repeat(300)}${end}`)));
    expect(one!.length).toBeLessThan(100);
    expect(one).not.toBe(other);
  });
});

describe('the tag of what a location names', () => {
  it.each(['/users/1', '1', 'http://shop.example/users/1', '//shop.example/users/1#top'])(
    'is that of %s',
    (location) => {
      expect(locationTag(at('/users/new'), location)).toBe(users);
    },
  );

  it.each(['http://other.example/users/1', 'http://[', undefined, ['/users/1']])('is none for %s', (location) => {
    expect(locationTag(at('/users/new'), location)).toBeUndefined();
  });
});
