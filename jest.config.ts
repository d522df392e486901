import type { Config } from 'jest';

// Projects inherit nothing from the root configuration, so what they share is spelled once here.
const everyProject = {
  rootDir: '.',
  testEnvironment: '<rootDir>/test/support/jest-environment.cjs',
  moduleFileExtensions: ['ts', 'mts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: { '\\.(ts|mts|js|mjs)$': '<rootDir>/test/support/jest-transform.cjs' },
  transformIgnorePatterns: [],
  resolver: '<rootDir>/test/support/jest-resolver.cjs',
  moduleNameMapper: {
    '^nestjs-rcache$': '<rootDir>/libs/redis-cache/src/index.ts',
    '^nestjs-rcache/config$': '<rootDir>/libs/redis-cache/src/redis-cache.config.ts',
  },
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  setupFilesAfterEnv: ['<rootDir>/test/support/retry.ts'],
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/test/consumers/'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
};

/** What is promised of every topology. The other specs are about one server, or about none. */
const promises = [
  'admin-fleet',
  'async-context',
  'batches',
  'deferred-evictions',
  'entity-cache',
  'late-loader',
  'patterns',
  'put',
  'read-your-invalidation',
  'rivals',
  'sessions',
  'sessions-of-users',
  'sessions-rotation',
  'stale-while-refreshing',
  'stampede',
  'tags',
  'timeouts',
  'values',
  'warm-up',
];

function onTopology(topology: 'sentinel' | 'cluster') {
  return {
    ...everyProject,
    displayName: topology,
    testMatch: promises.map((promise) => `<rootDir>/test/${promise}.spec.ts`),
    testEnvironmentOptions: { topology },
    globalSetup: `<rootDir>/test/support/global-setup-${topology}.mjs`,
    globalTeardown: `<rootDir>/test/support/global-teardown-${topology}.mjs`,
  };
}

const config: Config = {
  projects: [
    {
      ...everyProject,
      displayName: 'unit',
      testMatch: ['<rootDir>/libs/*/src/**/*.spec.ts', '<rootDir>/apps/*/src/**/*.spec.ts'],
    },
    { ...everyProject, displayName: 'integration', testMatch: ['<rootDir>/test/**/*.spec.ts'] },
    onTopology('sentinel'),
    onTopology('cluster'),
  ],
  // A worker that has loaded Nest holds about 500 MB; two keep a small machine responsive.
  maxWorkers: 2,
  // A heap of a thousand modules makes every collection slow, and bursts with it.
  workerIdleMemoryLimit: '1GB',
  // Tests wait for conditions, which on a busy machine take their time.
  testTimeout: 15_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['libs/redis-cache/src/**/*.ts', '!**/*.spec.ts', '!**/index.ts'],
  coverageThreshold: { global: { lines: 90 } },
};

export default config;
