// What is used of the suite, which has no types.
declare module 'http-cache-tests/tests/index.mjs' {
  const suites: import('./cases.mjs').Suite[];
  export default suites;
}

declare module 'http-cache-tests/client/runner.mjs' {
  export function runTests(
    suites: readonly object[],
    fetch: unknown,
    isBrowser: boolean,
    base: string,
    casesAtATime: number,
  ): Promise<void>;
  export function getResults(): Record<string, true | [string, string]>;
}

declare module 'http-cache-tests/server/*' {
  import type { IncomingMessage, ServerResponse } from 'node:http';
  export default function handle(path: readonly string[], request: IncomingMessage, response: ServerResponse): void;
}

declare module 'node-fetch' {
  const fetch: unknown;
  export default fetch;
}
