// @ts-check
// `node scripts/recipes.mjs`: fills docs/recipes with code of test/scenarios. A test compares the pages with what this
// would write. After `<!-- code: path -->` stands the file, after `<!-- code: path: name, … -->` these declarations of it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'docs/recipes');
// With `ts` the page would be compiled by itself; this code is compiled where it lies, with what it imports.
const LANGUAGES = new Map([
  ['ts', 'typescript'],
  ['sql', 'sql'],
]);
const MARKED_FENCE = /(<!-- code: ([^\s:]+)(?:: ([\w, ]+))? -->\n\n)(?:```\w*\n[\s\S]*?\n```\n\n?)?/g;

/** @returns {string[]} the paths of all recipes */
export function recipePaths() {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => join(FOLDER, file));
}

/**
 * The page with each marked fence as the code is now.
 * @param {string} page
 * @throws {Error} for a file or a declaration that is not there
 */
export function withCode(page) {
  return page.replace(MARKED_FENCE, (_fence, marker, path, names) => {
    const language = LANGUAGES.get(/\w+$/.exec(path)?.[0] ?? '') ?? '';
    return `${marker}\`\`\`${language}\n${codeOf(path, names?.split(/, */))}\n\`\`\`\n\n`;
  });
}

/**
 * @param {string} path
 * @param {string[] | undefined} names
 */
function codeOf(path, names) {
  const code = readFileSync(join(ROOT, path), 'utf8').trim();
  return names === undefined ? code : names.map((name) => declarationOf(path, code, name)).join('\n\n');
}

/**
 * A declaration of the outermost level, with the comment and the decorators above it.
 * @param {string} path
 * @param {string} code
 * @param {string} name
 */
function declarationOf(path, code, name) {
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true);
  for (const statement of source.statements) {
    if (declaredNames(statement).includes(name)) return statement.getFullText().trim();
  }
  throw new Error(`${path} does not declare ${name}.`);
}

/** @param {ts.Statement} statement */
function declaredNames(statement) {
  const declarations = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
  return declarations.map((declaration) => {
    const { name } = /** @type {{ name?: ts.Node }} */ (/** @type {unknown} */ (declaration));
    return name?.getText();
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const path of recipePaths()) writeFileSync(path, withCode(readFileSync(path, 'utf8')));
}
