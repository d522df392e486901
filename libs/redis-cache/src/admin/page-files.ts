import { readFile } from 'node:fs/promises';

/** What makes up the page, with its type. Read from beside the code, so that there is nothing to build. */
const TYPES = {
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'charts.js': 'text/javascript; charset=utf-8',
  'dom.js': 'text/javascript; charset=utf-8',
  'panels.js': 'text/javascript; charset=utf-8',
  'actions.js': 'text/javascript; charset=utf-8',
  'examination.js': 'text/javascript; charset=utf-8',
  'look-up.js': 'text/javascript; charset=utf-8',
  'orders.js': 'text/javascript; charset=utf-8',
  'uplot.js': 'text/javascript; charset=utf-8',
  'uplot.css': 'text/css; charset=utf-8',
} as const;

const FOLDER = new URL('../../page/', import.meta.url);
const known = new Map<string, Promise<Buffer>>();

export interface PageFile {
  readonly body: Buffer;
  readonly type: string;
}

/** `undefined` for a name that is none of the page's, whatever it is. */
export async function pageFile(name: string): Promise<PageFile | undefined> {
  if (!Object.hasOwn(TYPES, name)) return undefined;
  return { body: await contentOf(name), type: TYPES[name as keyof typeof TYPES] };
}

/** The page itself; `base` is the path it is asked for at, without a slash at its end. */
export async function pageAt(base: string): Promise<PageFile> {
  const html = (await contentOf('page.html')).toString().replaceAll('{base}', escaped(base));
  return { body: Buffer.from(html), type: 'text/html; charset=utf-8' };
}

function contentOf(name: string): Promise<Buffer> {
  let content = known.get(name);
  if (content === undefined) known.set(name, (content = readFile(new URL(name, FOLDER))));
  return content;
}

/** A path comes from the client: it must stay text within an attribute. */
function escaped(text: string): string {
  return text.replace(/[^\w./~-]/g, (sign) => `&#${sign.codePointAt(0) ?? 0};`);
}
