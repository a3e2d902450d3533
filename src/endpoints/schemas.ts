import Type from 'typebox';
import { encryptionOptions } from '../model/encryption.js';

/** A time, such as `2026-05-01T12:00:00.000Z`. */
export const time = Type.String({ format: 'date-time' });
export const timeOrNull = Type.Union([time, Type.Null()]);
export const textOrNull = Type.Union([Type.String(), Type.Null()]);
export const numberOrNull = Type.Union([Type.Number(), Type.Null()]);
export const count = Type.Integer({ minimum: 0 });

export const encryptionName = Type.Enum(Object.values(encryptionOptions));

export const username = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'The name of an SFTP user.',
});
export const userParameters = Type.Object({ username });

export const keyReference = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'A key by its id, the first 6 or more digits of the id, or its label. Never the key itself.',
});
export const keyParameters = Type.Object({ key: keyReference });

export const bucketName = Type.String({ minLength: 2, maxLength: 255, description: 'The name of a bucket.' });
export const objectKey = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: 'The key of an object, such as `bob/uploads/report.pdf`.',
});
export const objectQuery = Type.Object(
  { bucket: bucketName, key: objectKey },
  { additionalProperties: false },
);

/** Options of bodies: unknown names are refused, because a misspelt one would have no effect. */
export const strict = { additionalProperties: false } as const;

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
