import { KeyGlyph } from '../../parts/key-glyph.js';
import { Status } from '../../parts/status.js';
import type { Encryption } from './location.js';

/** The kinds of encryption that need no key of the gateway, in words. */
const words = {
  'sse-s3': 'SSE-S3',
  'sse-kms': 'SSE-KMS',
  'bucket-default': 'bucket default',
  none: 'not encrypted',
} as const;

/** The encryption of an object or version: its key with SSE-C, otherwise the kind. */
export function EncryptionOf({ value }: { readonly value: Encryption }) {
  switch (value.kind) {
    case 'sse-c':
      if (value.keyState === null) return <Missing id={value.keyId} label={value.label} />;
      return <KeyGlyph value={{ id: value.keyId, label: value.label }} />;
    case 'sse-c-unknown-key':
      return <Status tone="bad">unknown key</Status>;
    case 'not-known':
      return (
        <span title={value.why}>
          <Status tone="warn">not known</Status>
        </span>
      );
    case 'sse-kms':
      return <span title={value.keyArn ?? undefined}>{words['sse-kms']}</span>;
    case 'none':
      return <Status tone="bad">{words.none}</Status>;
    default:
      return <span>{words[value.kind]}</span>;
  }
}

function Missing({ id, label }: { readonly id: string; readonly label: string }) {
  return (
    <span className="key">
      <span title="The keyring does not have this key">
        <Status tone="bad">missing</Status>
      </span>
      <KeyGlyph value={{ id, label }} />
    </span>
  );
}

/** Returns the encryption in words, as a value to sort by. */
export function encryptionText(value: Encryption): string {
  if (value.kind === 'sse-c') return `SSE-C ${value.label} ${value.keyId}`;
  if (value.kind === 'sse-c-unknown-key') return 'SSE-C unknown key';
  return value.kind === 'not-known' ? 'not known' : words[value.kind];
}
