import { InvalidOptionsError } from '../errors.js';
import { HttpCache, type HttpCacheOptions } from './http-cache.decorator.js';

function problemsOf(options: object): readonly string[] {
  try {
    HttpCache(options as HttpCacheOptions);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('@HttpCache', () => {
  it('refuses every wrong option at once, where it is written', () => {
    const problems = problemsOf({
      tll: '1m',
      ttl: 0,
      scope: 'everybody',
      tags: 'items',
      query: [7],
      vary: ['Accept Language'],
      headers: ['Set-Cookie'],
    });
    expect(problems).toHaveLength(7);
    expect(problems[0]).toContain('did you mean "ttl"?');
    expect(problems.join()).toContain("scope is 'everybody'");
  });

  it.each([['Authorization'], ['cookie'], ['*']])('refuses to vary by %s', (name) => {
    expect(problemsOf({ vary: [name] })).toHaveLength(1);
  });

  it('takes what is right', () => {
    const options = {
      ttl: '10m',
      scope: () => 'alice',
      tags: ['a'],
      query: [],
      vary: ['Accept'],
      headers: ['X-Total'],
    };
    expect(problemsOf(options)).toEqual([]);
  });
});
