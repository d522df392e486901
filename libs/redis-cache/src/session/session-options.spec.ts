import { randomBytes } from 'node:crypto';
import { InvalidOptionsError } from '../errors.js';
import { resolveSessionOptions, type SessionOptions } from './session-options.js';

const secret = (): string => randomBytes(32).toString('base64');
const valid = { keys: [`k1:${secret()}`], indexKey: secret() };

function problems(options: object): readonly string[] {
  try {
    resolveSessionOptions({ ...valid, ...options });
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the options of sessions', () => {
  it('need no more than keys', () => {
    expect(resolveSessionOptions(valid)).toMatchObject({
      idleMs: 1_800_000,
      absoluteMs: 43_200_000,
      touchMs: 180_000,
      rotateMs: undefined,
      graceMs: 10_000,
      maxBytes: 65_536,
    });
  });

  it('take keys as one text, as an environment has them', () => {
    const policy = resolveSessionOptions({ ...valid, keys: `k2:${secret()}, k1:${secret()}` });
    expect(policy.ring.current.id).toBe('k2');
    expect(policy.ring.find('k1')).toBeDefined();
  });

  it.each<[object, string]>([
    [{ keys: [] }, 'keys is empty'],
    [{ keys: undefined }, 'keys is empty'],
    [{ keys: 7 }, 'keys is empty'],
    [{ indexKey: 'c2hvcnQ=' }, 'indexKey has 5 bytes'],
    [{ indexKey: undefined }, 'indexKey is not base64'],
    [{ indexKey: valid.keys[0]!.slice(3) }, 'Key "k1" is also the indexKey'],
    [{ idleTimeout: 0 }, 'idleTimeout is 0'],
    [{ idleTimeout: 'soon' }, "idleTimeout is 'soon'"],
    [{ absoluteTimeout: '29m' }, 'absoluteTimeout is shorter than idleTimeout'],
    [{ touchInterval: '30m' }, 'touchInterval must be shorter'],
    [{ rotateEvery: '10s' }, 'rotateEvery must be longer than rotationGrace'],
    [{ maxBytes: 0 }, 'maxBytes is 0'],
    [{ cookie: { secure: false } }, 'cookie.secure only'],
    [{ trustedOrigins: ['https://a.example/'] }, "trustedOrigins has 'https://a.example/'"],
    [{ idleTimout: '5m' }, 'did you mean "idleTimeout"'],
  ])('refuse %j', (options, problem) => {
    expect(problems(options).join('\n')).toContain(problem);
  });

  it('report everything at once', () => {
    expect(problems({ idleTimeout: -1, maxBytes: 'many', cookie: { path: '/x' }, indexKey: '' })).toHaveLength(4);
  });

  it('accept 0 where it means never or always', () => {
    const options: SessionOptions = { ...valid, touchInterval: 0, rotateEvery: 0, rotationGrace: 0 };
    expect(resolveSessionOptions(options)).toMatchObject({ touchMs: 0, rotateMs: undefined, graceMs: 0 });
  });
});
