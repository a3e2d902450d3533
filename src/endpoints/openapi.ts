import { openApiDocument } from '../api/description/openapi.js';
import type { OperationDescription } from '../api/description/operation.js';

/** Requests below it are for the console's process, which forwards none. They are not part of the document. */
const internalPrefix = '/internal/';

/** Returns the operations that clients can call. */
export function publicOperations<T extends OperationDescription>(operations: readonly T[]): readonly T[] {
  return operations.filter(({ path }) => !path.startsWith(internalPrefix));
}

/** Returns the OpenAPI document of the operations. */
export function documentOf(operations: readonly OperationDescription[], version: string) {
  return openApiDocument(publicOperations(operations), {
    title: 'sftpgw',
    version,
    description:
      'Users, keys, objects and the state of an SFTP gateway to Amazon S3 with customer-held keys.',
    license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
  });
}
