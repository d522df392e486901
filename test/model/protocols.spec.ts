import type { Exploration } from './explore.js';
import { PROTOCOLS } from './protocols.js';

/** Enough for a busy machine: the largest scenario takes a few seconds on an idle one. */
const TIMEOUT_MS = 60_000;

describe.each(Object.entries(PROTOCOLS))('the protocol of "%s"', (_heading, { protections, scenarios }) => {
  it.each(scenarios)(
    'keeps its promises in every history of: $name',
    ({ explore }) => {
      const { rests, violation } = explore();
      expect(storyOf(violation)).toBe('');
      expect(rests).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  const proofs = scenarios.flatMap((scenario) => scenario.proves.map((without) => ({ ...scenario, without })));

  it.each(proofs)(
    'breaks a promise without $without, in: $name',
    ({ explore, without }) => {
      expect(storyOf(explore(without).violation)).toContain('✖');
    },
    TIMEOUT_MS,
  );

  it('has a scenario that needs each protection', () => {
    const proved = proofs.map(({ without }) => without);
    expect(protections.filter((protection) => !proved.includes(protection))).toEqual([]);
  });
});

function storyOf(violation: Exploration['violation']): string {
  return violation === undefined ? '' : ['', ...violation.history, `✖ ${violation.promise}`].join('\n');
}
