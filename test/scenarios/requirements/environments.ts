/** The variables of each environment, as its `.env` file or its deployment sets them; secrets come on top. */
export const ENVIRONMENTS = {
  development: {
    REDIS_URL: 'redis://127.0.0.1:6379',
    CACHE_NAMESPACE: 'requirements-dev',
    SESSION_COOKIE_SECURE: 'false',
    SESSION_COOKIE_NAME: 'session',
  },
  test: {
    REDIS_URL: 'redis://127.0.0.1:6379',
    // Each run of the tests has its own; they never flush.
    CACHE_NAMESPACE: `requirements-test-${process.pid}`,
  },
  production: {
    REDIS_SENTINELS: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
    REDIS_SENTINEL_NAME: 'requirements',
    REDIS_TLS: 'true',
    REDIS_USERNAME: 'requirements',
    CACHE_NAMESPACE: 'requirements',
    // A slow network must not make users wait for the cache.
    REDIS_COMMAND_TIMEOUT: '100ms',
  },
} as const;
