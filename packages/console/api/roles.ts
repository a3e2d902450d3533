import type { BodyOf } from './endpoints.js';
import { useMe } from './hooks.js';

/** The role of a person, as the API names it. */
export type Role = BodyOf<'addAdmin'>['role'];

/**
 * Returns true if the person of this page may call operations that need this role. The gateway checks each request
 * itself: this only hides buttons that would be refused.
 */
export function useMay(needed: Role): boolean {
  const { data: me } = useMe();
  return me !== undefined && (needed === 'viewer' || me.role === 'admin' || me.role === needed);
}
