import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { recipePaths, withCode } from '../../scripts/recipes.mjs';

describe('the recipes', () => {
  it.each(recipePaths().map((path) => [basename(path), path]))(
    'show the code of the tests as it is: %s',
    (_name, path) => {
      const page = readFileSync(path, 'utf8');
      // When it differs, run `node scripts/recipes.mjs`.
      expect(page).toBe(withCode(page));
    },
  );

  it('take no other code from a scenario', () => {
    const codes = recipePaths().flatMap((path) => readFileSync(path, 'utf8').match(/<!-- code: .* -->|```typescript/g));
    expect(codes.filter((code) => code === '```typescript').length).toBe(
      codes.filter((code) => code?.includes('.ts')).length,
    );
  });

  it('refuse a name that the file does not declare', () => {
    expect(() => withCode('<!-- code: test/scenarios/compliance/caches.ts: nothing -->\n\n')).toThrow(/nothing/);
  });
});
