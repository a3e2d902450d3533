import { keyTypes, type PublicKeyType } from './key-types.js';

/** A signature algorithm, as a publickey request names it (RFC 4252 section 7). */
export interface SignatureAlgorithm {
  readonly keyType: PublicKeyType;
  /** True if the request carries a certificate. */
  readonly isCertificate: boolean;
  /** The name inside the signature. For a certificate, it is the name of the plain algorithm. */
  readonly signatureName: string;
}

/** Plain names by key type. An RSA key signs with SHA-2 only (RFC 8332); `ssh-rsa` is SHA-1 and is refused. */
const plainNames: readonly (readonly [string, PublicKeyType])[] = [
  ['ssh-ed25519', 'ssh-ed25519'],
  ['sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384'],
  ['ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521'],
  ['sk-ecdsa-sha2-nistp256@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'],
  ['rsa-sha2-512', 'ssh-rsa'],
  ['rsa-sha2-256', 'ssh-rsa'],
];

/** The names for `server-sig-algs` (RFC 8308 section 3.1), in the order of preference. */
export const serverSignatureAlgorithms: readonly string[] = plainNames.map(([name]) => name);

/** Every name that a publickey request may have. */
export const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  plainNames.flatMap(([name, keyType]): [string, SignatureAlgorithm][] => {
    const certificateName =
      keyType === 'ssh-rsa' ? `${name}-cert-v01@openssh.com` : keyTypes[keyType].certificateType;
    return [
      [name, { keyType, isCertificate: false, signatureName: name }],
      [certificateName, { keyType, isCertificate: true, signatureName: name }],
    ];
  }),
);
