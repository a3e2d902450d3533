import type { Migration } from 'kysely';
import { sealedObject } from './0001-sealed-object.js';
import { mirror } from './0002-mirror.js';

/** In order; a name, once released, never changes. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-sealed-object': sealedObject,
  '0002-mirror': mirror,
};
