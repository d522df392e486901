import type { INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { startGateway } from './http-conformance/gateway.js';
import { gated, newAnswers, passed, report, type Results, surprises } from './http-conformance/report.js';
import { startEngine, trusted } from './support/engines.js';
import { ROOT } from './support/pages.js';

const PAGE = join(ROOT, 'docs/http-conformance.md');
const MARKER = '<!-- from here on written by test/http-conformance.spec.ts -->\n';

/** Runs the suite, or some of its cases, against an app on this adapter. */
async function runSuite(adapter: AbstractHttpAdapter, only?: readonly string[]): Promise<Results> {
  const engine = await startEngine();
  await trusted(engine);
  const script = join(__dirname, 'http-conformance/run-suite.mjs');
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let app: INestApplication | undefined;
  try {
    const { port } = JSON.parse(String((await lines.next()).value)) as { port: number };
    app = await startGateway(engine, adapter, port);
    child.stdin.write(`${JSON.stringify({ base: await app.getUrl(), only })}\n`);
    return JSON.parse(String((await lines.next()).value)) as Results;
  } finally {
    child.kill();
    await app?.close();
  }
}

describe('the public suite for HTTP caches', () => {
  const results: Record<string, Results> = {};

  describe.each([
    ['Express', 0, () => new ExpressAdapter()],
    ['Fastify', 1, () => new FastifyAdapter()],
  ])('on %s', (name, column, createAdapter) => {
    beforeAll(async () => {
      const first = await runSuite(createAdapter());
      // Cases wait for seconds and judge by them: on a busy machine one may come too late.
      const doubtful = [...surprises(first), ...newAnswers(first, readFileSync(PAGE, 'utf8'), column)];
      const second = doubtful.length === 0 ? {} : await runSuite(createAdapter(), doubtful);
      results[name] = { ...first, ...second };
    }, 180_000);

    it('ends as is said of every case', () => {
      const unexpected = surprises(results[name]!).map((id) => [id, results[name]![id]]);
      expect(unexpected).toEqual([]);
    });

    it.each([
      ['required', 136, 140],
      ['optimal', 72, 86],
    ] as const)('is passed: at least as large a share of the %s cases as %d of %d', (kind, least, of) => {
      const cases = gated(kind);
      const count = cases.filter(({ id }) => passed(results[name]!, id)).length;
      expect(cases.length).toBeGreaterThanOrEqual(of);
      expect(count).toBeGreaterThanOrEqual(least);
      expect(count / cases.length).toBeGreaterThanOrEqual(least / of);
    });
  });

  it('is reported in the docs, as `UPDATE_DOCS=1` writes them', () => {
    const page = readFileSync(PAGE, 'utf8');
    const [head = '', tail = ''] = page.split(MARKER);
    const wanted = report(results);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, `${head}${MARKER}\n${wanted}\n`);
    else expect(plain(tail)).toBe(plain(wanted));
  });
});

/** Without what prettier does to tables. */
function plain(text: string): string {
  return text
    .replace(/-{3,}/g, '---')
    .replace(/[ \t]+/g, ' ')
    .trim();
}
