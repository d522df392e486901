import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '../..');

export interface Fence {
  language: string;
  code: string;
  /** Line of the page on which the code begins, from 1. */
  line: number;
}

export interface Table {
  /** What its marker, `<!-- table: name -->`, calls it. */
  name: string;
  /** The code in each cell, row by row, without the heading. */
  rows: string[][];
}

/** A Markdown page, taken apart as far as the tests of the docs need it. */
export class Page {
  readonly fences: Fence[] = [];
  /** The text with its code blocks left out. */
  readonly prose: string;

  constructor(
    /** Relative to the repository. */
    readonly path: string,
    text: string,
  ) {
    const prose: string[] = [];
    let fence: Fence | undefined;
    for (const [index, line] of text.split('\n').entries()) {
      const mark = /^\s*```(\w*)/.exec(line);
      if (fence !== undefined && mark === null) fence.code += `${line}\n`;
      else if (fence !== undefined) fence = undefined;
      else if (mark !== null) this.fences.push((fence = { language: mark[1] ?? '', code: '', line: index + 2 }));
      else prose.push(line);
    }
    this.prose = prose.join('\n');
  }

  /** As GitHub makes them of headings. */
  get anchors(): string[] {
    return this.headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    );
  }

  get headings(): string[] {
    return [...this.prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading as string);
  }

  /** Targets that are not on the web. */
  get localLinks(): string[] {
    return [...this.prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target as string)
      .filter((target) => !/^[a-z]+:/.test(target));
  }

  /** What stands between single backticks. */
  get codeSpans(): string[] {
    return [...this.prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
  }

  get tables(): Table[] {
    return [...this.prose.matchAll(/<!-- table: (.+?) -->\s*\n((?:\|.*(?:\n|$))+)/g)].map(([, name, lines]) => ({
      name: name as string,
      rows: (lines as string)
        .trim()
        .split('\n')
        .slice(2)
        .map((line) => cellsOf(line).map((cell) => /`([^`]+)`/.exec(cell)?.[1] ?? '')),
    }));
  }
}

function cellsOf(line: string): string[] {
  return line.split(/(?<!\\)\|/).slice(1, -1);
}

/** The READMEs, CONTRIBUTING and every page of docs/. */
export function readPages(): Page[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file));
  return ['README.md', 'CONTRIBUTING.md', 'apps/reference/README.md', 'libs/redis-cache/README.md', ...docs]
    .sort()
    .map((path) => new Page(relative(ROOT, join(ROOT, path)), readFileSync(join(ROOT, path), 'utf8')));
}
