/** What a role can allow for a whole organisation, or for single products where it is granted for products. */
export const ORGANISATION_PERMISSIONS = [
  'users:read',
  'users:write',
  'roles:write',
  'rules:read',
  'rules:write',
  'compliance:read',
  'products:validate',
  'statistics:read',
] as const;

/** What a role can allow for one family of controls: `ac.evidence:write` is about the family AC. */
export const FAMILY_ACTIONS = [
  'controls:read',
  'evidence:read',
  'evidence:write',
  'evidence:approve',
  'findings:read',
  'findings:write',
  'exceptions:read',
  'exceptions:grant',
  'reports:read',
  'reports:publish',
  'audits:read',
  'audits:plan',
] as const;

export function familyPermission(family: string, action: (typeof FAMILY_ACTIONS)[number]): string {
  return `${family.toLowerCase()}.${action}`;
}
