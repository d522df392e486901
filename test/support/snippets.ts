import { join, relative } from 'node:path';
import ts from 'typescript';
import { publicNames, type PublicName } from './declarations.js';
import { ROOT, type Fence, type Page } from './pages.js';

/** What pages may use without saying where it comes from, besides the names of the library and of @nestjs/common. */
const PREAMBLE = `
import type { Redis } from 'ioredis';
import type { CacheEngine, CacheService, TypedCacheDefinition } from 'nestjs-rcache';
declare global {
  interface User { id: number; name: string; groupId: string }
  interface UpdateUserDto { id: number; name: string }
  const cache: CacheService;
  const users: TypedCacheDefinition<[id: number], User>;
  const engine: CacheEngine;
  const redis: Redis;
  const db: {
    findUser(id: number): Promise<User>;
    findUsers(ids: readonly number[]): Promise<User[]>;
    updateUser(dto: UpdateUserDto): Promise<User>;
    transaction<T>(work: () => Promise<T>): Promise<T>;
  };
}
`;

const NEST_NAMES = [
  'Controller',
  'Get',
  'Inject',
  'Injectable',
  'Module',
  'Param',
  'Post',
  'Query',
  'UseInterceptors',
].map((name): PublicName => ({ name, isType: false }));

/** A snippet as a file: it lies where its imports resolve, and is never written. */
interface SnippetFile {
  path: string;
  code: string;
}

/**
 * Compiles every TypeScript fence of the pages against the sources of the library, all in one program.
 *
 * @returns one line per error: page, line and message
 */
export function compileSnippets(pages: readonly Page[]): string[] {
  const files = pages.flatMap((page) =>
    page.fences.filter(({ language }) => language === 'ts').map((fence) => asFile(page, fence)),
  );
  const preamble: SnippetFile = { path: join(ROOT, 'docs-snippets/preamble.ts'), code: PREAMBLE };
  const codes = new Map([preamble, ...files].map(({ path, code }) => [path, code]));
  const options: ts.CompilerOptions = {
    ...readOptions(),
    noUnusedLocals: false,
    noUnusedParameters: false,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => codes.has(path) || fileExists(path);
  host.readFile = (path) => codes.get(path) ?? readFile(path);
  host.getSourceFile = (path, settings, ...rest) => {
    const code = codes.get(path);
    return code === undefined ? getSourceFile(path, settings, ...rest) : ts.createSourceFile(path, code, settings);
  };
  const program = ts.createProgram([...codes.keys()], options, host);
  return [...codes.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) =>
      describe(diagnostic),
    );
  });
}

function asFile(page: Page, { code, line }: Fence): SnippetFile {
  const missing =
    missingImport(code, publicNames(), 'nestjs-rcache') + missingImport(code, NEST_NAMES, '@nestjs/common');
  return {
    path: join(ROOT, 'docs-snippets', page.path, `${line}.ts`),
    // Empty lines, so that an error names the line of the page.
    code: `${missing}export {};${'\n'.repeat(line - 1)}${code}`,
  };
}

/** Imports what the snippet uses and neither imports nor declares itself. */
function missingImport(code: string, names: readonly PublicName[], from: string): string {
  const missing = names.filter(({ name }) => {
    const isKnown = new RegExp(`import [^;]*\\b${name}\\b|(?:class|interface|type|const|function) ${name}\\b`).test(
      code,
    );
    return new RegExp(`\\b${name}\\b`).test(code) && !isKnown;
  });
  const list = missing.map(({ name, isType }) => (isType ? `type ${name}` : name));
  return list.length === 0 ? '' : `import { ${list.join(', ')} } from '${from}';`;
}

function readOptions(): ts.CompilerOptions {
  const path = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(path, ts.sys.readFile) as { config: { include: string[] } };
  return ts.parseJsonConfigFileContent(
    { ...config, include: [], files: ['jest.config.ts'] },
    ts.sys,
    ROOT,
    undefined,
    path,
  ).options;
}

function describe({ file, start, messageText }: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, ' ');
  if (file === undefined) return message;
  const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
  const page = relative(join(ROOT, 'docs-snippets'), file.fileName).replace(/\/\d+\.ts$/, '');
  return `${page}:${line + 1} ${message}`;
}
