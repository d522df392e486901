import { CORRECTIONS, cases, NOT_APPLICABLE, NOT_PASSED } from './cases.mjs';

/** `true`, or the kind of failure and what was not as expected. */
export type Result = true | readonly [string, string];
export type Results = Readonly<Record<string, Result>>;

export const passed = (results: Results, id: string): boolean => results[id] === true;

const APPLICABLE = cases.filter(({ isApplicable }) => isApplicable);
const EXCEPTIONS = NOT_PASSED.flatMap(({ ids }) => ids);

/** The cases a cache at the origin should pass. */
export function gated(kind: 'required' | 'optimal') {
  return APPLICABLE.filter((each) => each.kind === kind);
}

/** The cases that did not end as they are said to. */
export function surprises(results: Results): string[] {
  return [...gated('required'), ...gated('optimal')]
    .filter(({ id }) => passed(results, id) === EXCEPTIONS.includes(id))
    .map(({ id }) => id);
}

/** The open questions whose answer is not the one in this column of the page. */
export function newAnswers(results: Results, page: string, column: number): string[] {
  const rows = page.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  return APPLICABLE.filter(({ id, kind }) => {
    if (kind !== 'check') return false;
    const row = rows.find((cells) => cells[1] === `\`${id}\``);
    return row?.[2 + column] !== (passed(results, id) ? 'yes' : 'no');
  }).map(({ id }) => id);
}

/** The part of docs/http-conformance.md that is made of the data and the results. */
export function report(results: Readonly<Record<string, Results>>): string {
  const names = Object.keys(results);
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const head = (...cells: string[]): string[] => [row(cells), row(cells.map(() => '---'))];
  const counts = (title: string, ids: readonly string[]): string =>
    row([title, ids.length, ...names.map((name) => ids.filter((id) => passed(results[name]!, id)).length)]);
  const idsOf = (kind: string, isOwn: boolean): string[] =>
    APPLICABLE.filter((each) => each.kind === kind && each.isOwn === isOwn).map(({ id }) => id);
  const update304 = cases.filter(({ suite }) => suite === 'update304').map(({ id }) => id);
  const listed = (ids: readonly string[]): string => ids.map((id) => `\`${id}\``).join(', ');
  return [
    ...head('cases', 'number', ...names.map((name) => `passed on ${name}`)),
    counts('required', idsOf('required', false)),
    counts('optimal', idsOf('optimal', false)),
    counts('own, required', idsOf('required', true)),
    counts('own, optimal', idsOf('optimal', true)),
    counts('a handler that answers 304', update304),
    '',
    '## Not passed',
    '',
    ...head('cases', 'reason'),
    ...NOT_PASSED.map(({ ids, reason }) => row([listed(ids), reason])),
    '',
    '## Own cases',
    '',
    ...head('case', 'what it asks', 'kind'),
    ...cases.filter(({ isOwn }) => isOwn).map(({ id, name, kind }) => row([`\`${id}\``, name, kind])),
    '',
    '## Corrected',
    '',
    ...head('cases', 'reason'),
    ...CORRECTIONS.map(({ ids, reason }) => row([listed(ids), reason])),
    '',
    '## Left out',
    '',
    ...head('suite', 'reason'),
    ...Object.entries(NOT_APPLICABLE).map(([suite, reason]) => row([`\`${suite}\``, reason])),
    '',
    '## What it does where the RFCs leave it open',
    '',
    'Cases that ask what a cache does, without saying what it should. `yes` is the answer that the case looks for.',
    '',
    ...head('case', ...names),
    ...APPLICABLE.filter(({ kind }) => kind === 'check').map(({ id }) =>
      row([`\`${id}\``, ...names.map((each) => (passed(results[each]!, id) ? 'yes' : 'no'))]),
    ),
  ].join('\n');
}
