import nistControls, { type Control, type Statement } from 'nist-controls';
import type { controls } from '../database/schema.js';

type ControlRow = typeof controls.$inferInsert;

const MAX_KINDS = 3;

/** The controls of NIST SP 800-53 rev 5 that were not withdrawn, enhancements included, with their baselines. */
export async function nistCatalogue(): Promise<ControlRow[]> {
  const all = await new Promise<Control[]>((resolve, reject) => {
    nistControls
      .SP80053()
      .getControls((error, found) => (error ? reject(error) : resolve(found)))
      .catch(reject);
  });
  return all
    .filter((control) => !control.withdrawn)
    .map((control) => ({
      id: control.id,
      family: control.id.slice(0, 2),
      title: control.title,
      statement: control.render(['statements']).statements.map(flatten).join('\n'),
      baselines: control.baselines,
      weight: Math.max(1, control.baselines.length),
      requiredKinds: Math.min(MAX_KINDS, Math.max(1, control.baselines.length)),
      // The first control of each family asks for a policy, which is reviewed once a year.
      maxAgeDays: control.id.endsWith('-1') ? 365 : 180,
    }));
}

function flatten(part: Statement): string {
  return [part.statement, ...(part.subparts ?? []).map(flatten)].join('\n');
}
