import * as library from 'nestjs-rcache';
import * as config from 'nestjs-rcache/config';
import { publicNames } from './support/declarations.js';
import { readPages } from './support/pages.js';

const tables = readPages().flatMap((page) => page.tables);

describe.each([
  { entry: 'nestjs-rcache', file: 'index.ts', loaded: library, table: 'exports' },
  { entry: 'nestjs-rcache/config', file: 'redis-cache.config.ts', loaded: config, table: 'config exports' },
])('the public names of $entry', ({ file, loaded, table }) => {
  const names = publicNames(file);

  it('are those of docs/api.md, no more and no less', () => {
    const documented = tables.filter(({ name }) => name === table).flatMap(({ rows }) => rows.map(([name]) => name));
    expect(documented.sort()).toEqual(names.map(({ name }) => name).sort());
  });

  it('are all there when the package is loaded, types aside', () => {
    const values = names.filter(({ isType }) => !isType).map(({ name }) => name);
    expect(Object.keys(loaded).sort()).toEqual(values.sort());
  });
});
