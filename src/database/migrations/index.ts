import type { Migration } from 'kysely/migration';
import { sealedObject } from './0001-sealed-object.js';
import { mirror } from './0002-mirror.js';
import { keyUsage } from './0003-key-usage.js';
import { rotation } from './0004-rotation.js';
import { refusedTime } from './0005-refused-time.js';
import { checksumAlgorithm } from './0006-checksum-algorithm.js';
import { parkedUploads } from './0007-parked-uploads.js';

/** All migrations in order. A released name never changes. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-sealed-object': sealedObject,
  '0002-mirror': mirror,
  '0003-key-usage': keyUsage,
  '0004-rotation': rotation,
  '0005-refused-time': refusedTime,
  '0006-checksum-algorithm': checksumAlgorithm,
  '0007-parked-uploads': parkedUploads,
};
