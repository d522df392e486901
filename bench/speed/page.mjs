// @ts-check
import { readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { filled } from './tables.mjs';

const PAGE = new URL('../../docs/performance.md', import.meta.url);

/** Puts the results between the markers of docs/performance.md. @param {import('./results.mjs').Results} results */
export async function writePerformance(results) {
  const style = await resolveConfig(PAGE);
  const page = filled(await readFile(PAGE, 'utf8'), results);
  await writeFile(PAGE, await format(page, { ...style, parser: 'markdown' }));
}
