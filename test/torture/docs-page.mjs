// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';

const PAGE = new URL('../../docs/torture.md', import.meta.url);

/** Rewrites what stands between `<!-- name -->` and `<!-- end of name -->` in docs/torture.md. @param {string} name @param {string} table */
export function writeToDocs(name, table) {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const from = page.indexOf(begin) + begin.length;
  const to = page.indexOf(end);
  if (from < begin.length || to < from) throw new Error(`docs/torture.md has no place for ${name}.`);
  writeFileSync(PAGE, `${page.slice(0, from)}\n${table}\n${page.slice(to)}`);
}
