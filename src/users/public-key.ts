/** A public key in SSH wire form (RFC 4253 section 6.6). */
export interface PublicKey {
  readonly algorithm: string;
  readonly blob: Uint8Array;
}

const minRsaBits = 2048;

const ecdsaCurves: Readonly<Record<string, string>> = {
  'ecdsa-sha2-nistp256': 'nistp256',
  'ecdsa-sha2-nistp384': 'nistp384',
  'ecdsa-sha2-nistp521': 'nistp521',
  'sk-ecdsa-sha2-nistp256@openssh.com': 'nistp256',
};

const ed25519Types: ReadonlySet<string> = new Set(['ssh-ed25519', 'sk-ssh-ed25519@openssh.com']);

/** Reports whether the word is a public key type, accepted or not. */
export function isKeyType(word: string): boolean {
  return /^(?:ssh-(?:rsa|dss|ed25519|ed448)|ecdsa-sha2-\S+|sk-(?:ssh|ecdsa)-\S+|\S+-cert-v\d\d@openssh\.com)$/.test(
    word,
  );
}

/** Parses the base64 text after the key type. Returns the key, or the reason why it is not usable. */
export function parsePublicKey(
  algorithm: string,
  base64: string,
): { readonly key: PublicKey } | { readonly problem: string } {
  if (algorithm.includes('-cert-')) return { problem: 'certificates are not supported' };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return { problem: `the ${algorithm} key is not base64` };
  const blob = Buffer.from(base64, 'base64');
  const fields = readFields(blob);
  if (fields === null || fields[0]?.toString('latin1') !== algorithm) {
    return { problem: `the text after ${algorithm} is not such a key; it may be truncated` };
  }
  const problem = problemWith(algorithm, fields);
  return problem === null ? { key: { algorithm, blob } } : { problem };
}

function problemWith(algorithm: string, fields: readonly Buffer[]): string | null {
  const malformed = `the ${algorithm} key is malformed`;
  if (ed25519Types.has(algorithm)) {
    const wanted = algorithm.startsWith('sk-') ? 3 : 2;
    return fields.length === wanted && fields[1]?.length === 32 ? null : malformed;
  }
  const curve = Object.hasOwn(ecdsaCurves, algorithm) ? ecdsaCurves[algorithm] : undefined;
  if (curve !== undefined) {
    const wanted = algorithm.startsWith('sk-') ? 4 : 3;
    return fields.length === wanted && fields[1]?.toString('latin1') === curve ? null : malformed;
  }
  if (algorithm !== 'ssh-rsa') return `keys of the type ${algorithm} are not accepted`;
  const bits = bitLength(fields[2] ?? Buffer.alloc(0));
  if (fields.length !== 3) return malformed;
  return bits >= minRsaBits ? null : `the RSA key has ${bits} bits; the minimum is ${minRsaBits}`;
}

/**
 * Returns the length-prefixed strings of a blob (RFC 4251 section 5); null if they do not fill it
 * exactly.
 */
function readFields(blob: Buffer): readonly Buffer[] | null {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return null;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return null;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function bitLength(mpint: Buffer): number {
  const start = mpint.findIndex((byte) => byte !== 0);
  const first = mpint[start];
  return first === undefined ? 0 : (mpint.length - start - 1) * 8 + (32 - Math.clz32(first));
}
