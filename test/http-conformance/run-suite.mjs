// @ts-check
/**
 * Runs the public suite of HTTP caches in a process of its own, because the suite keeps its results in its modules.
 * Prints one line of JSON with the port of its origin, reads one line with the address of the cache in front of that and
 * the corrections to apply, and prints one line with the results by case: `true`, or why not.
 */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline/promises';
import handleConfig from 'http-cache-tests/server/handle-config.mjs';
import handleState from 'http-cache-tests/server/handle-state.mjs';
import handleTest from 'http-cache-tests/server/handle-test.mjs';
import { getResults, runTests } from 'http-cache-tests/client/runner.mjs';
import fetch from 'node-fetch';
import { suitesToRun } from './cases.mjs';

/** Most of the time of a case is waiting for something to become stale; with more at a time it becomes so too early. */
const CASES_AT_A_TIME = 120;

// The server of the suite reports what it does.
console.log = () => {};

/** @type {Record<string, Function>} */
const handlers = { config: handleConfig, state: handleState, test: handleTest };
const origin = createServer((request, response) => {
  const [, name = '', ...rest] = new URL(request.url ?? '/', 'http://origin').pathname.split('/');
  const handle = handlers[name];
  if (handle === undefined) response.writeHead(404).end();
  else handle(rest, request, response);
});
origin.listen(0, '127.0.0.1', async () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (origin.address());
  process.stdout.write(`${JSON.stringify({ port })}\n`);
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    const { base, only } = JSON.parse(line);
    const suites = suitesToRun(only);
    await runTests(suites, fetch, false, base, CASES_AT_A_TIME);
    process.stdout.write(`${JSON.stringify(getResults())}\n`);
    break;
  }
  process.exit(0);
});
