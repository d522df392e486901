// @ts-check
/** `npm run fuzz`: a million inputs for each property of test/fuzz.spec.ts; FUZZ_RUNS and FUZZ_SEED say otherwise. */
process.env.FUZZ_RUNS ??= '1000000';
process.env.FUZZ_SEED ??= String(Date.now() % 2 ** 31);
process.argv.splice(2, Infinity, '--selectProjects', 'integration', '--testPathPatterns', 'test/fuzz.spec.ts');
await import('../../scripts/test.mjs');
