import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPages, ROOT } from '../support/pages.js';
import { PROTOCOLS } from './protocols.js';

const page = readPages().find(({ path }) => path === 'docs/protocol.md');

/** The rows of the table under a heading, without its own. */
function rowsUnder(heading: string): { protection: string; code: string }[] {
  const section = page?.prose.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) => {
    const [protection = '', , code = ''] = line.split('|').slice(1, -1);
    return { protection: protection.trim(), code: code.trim() };
  });
}

describe('the page of the protocol', () => {
  it.each(Object.entries(PROTOCOLS))('lists the protections of the model under "%s"', (heading, { protections }) => {
    expect(rowsUnder(heading).map(({ protection }) => protection)).toEqual([...protections]);
  });

  it('says of each where it is in the code', () => {
    const rows = Object.keys(PROTOCOLS).flatMap(rowsUnder);
    const astray = rows.filter(({ code }) => {
      const [, name, path] = /^\[`(.+)`\]\(\.\.\/(.+)\)$/.exec(code) ?? [];
      if (name === undefined || path === undefined) return true;
      return !readFileSync(join(ROOT, path), 'utf8').includes(name);
    });
    expect(astray).toEqual([]);
  });
});
