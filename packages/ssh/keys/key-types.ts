/** The types of user keys that this server accepts. */
export type PublicKeyType =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'ssh-rsa'
  | 'sk-ssh-ed25519@openssh.com'
  | 'sk-ecdsa-sha2-nistp256@openssh.com';

/** A NIST curve (RFC 5656 section 10.1). */
export interface Curve {
  /** Its name in keys. */
  readonly identifier: string;
  /** Its name in JSON web keys. */
  readonly jwkName: string;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Size of a coordinate. */
  readonly fieldBytes: number;
}

const p256: Curve = { identifier: 'nistp256', jwkName: 'P-256', hash: 'sha256', fieldBytes: 32 };
const p384: Curve = { identifier: 'nistp384', jwkName: 'P-384', hash: 'sha384', fieldBytes: 48 };
const p521: Curve = { identifier: 'nistp521', jwkName: 'P-521', hash: 'sha512', fieldBytes: 66 };

/** The parts of a type: its algorithm, its curve, and whether a FIDO authenticator holds the key (PROTOCOL.u2f). */
export interface KeyTypeTraits {
  readonly algorithm: 'ed25519' | 'ecdsa' | 'rsa';
  readonly curve: Curve | null;
  readonly isFido: boolean;
  /** The type of a certificate for such a key (PROTOCOL.certkeys). */
  readonly certificateType: string;
}

/** Every accepted key type. */
export const keyTypes: Readonly<Record<PublicKeyType, KeyTypeTraits>> = {
  'ssh-ed25519': {
    algorithm: 'ed25519',
    curve: null,
    isFido: false,
    certificateType: 'ssh-ed25519-cert-v01@openssh.com',
  },
  'ecdsa-sha2-nistp256': {
    algorithm: 'ecdsa',
    curve: p256,
    isFido: false,
    certificateType: 'ecdsa-sha2-nistp256-cert-v01@openssh.com',
  },
  'ecdsa-sha2-nistp384': {
    algorithm: 'ecdsa',
    curve: p384,
    isFido: false,
    certificateType: 'ecdsa-sha2-nistp384-cert-v01@openssh.com',
  },
  'ecdsa-sha2-nistp521': {
    algorithm: 'ecdsa',
    curve: p521,
    isFido: false,
    certificateType: 'ecdsa-sha2-nistp521-cert-v01@openssh.com',
  },
  'ssh-rsa': {
    algorithm: 'rsa',
    curve: null,
    isFido: false,
    certificateType: 'ssh-rsa-cert-v01@openssh.com',
  },
  'sk-ssh-ed25519@openssh.com': {
    algorithm: 'ed25519',
    curve: null,
    isFido: true,
    certificateType: 'sk-ssh-ed25519-cert-v01@openssh.com',
  },
  'sk-ecdsa-sha2-nistp256@openssh.com': {
    algorithm: 'ecdsa',
    curve: p256,
    isFido: true,
    certificateType: 'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
  },
};

const typeOfCertificate: ReadonlyMap<string, PublicKeyType> = new Map(
  Object.entries(keyTypes).map(([type, traits]) => [traits.certificateType, type as PublicKeyType]),
);

/** Returns true for the name of an accepted key type. */
export function isPublicKeyType(name: string): name is PublicKeyType {
  return Object.hasOwn(keyTypes, name);
}

/** Returns the type of the key in a certificate of the given type. Returns undefined for a type that is not accepted. */
export function certifiedKeyType(certificateType: string): PublicKeyType | undefined {
  return typeOfCertificate.get(certificateType);
}
