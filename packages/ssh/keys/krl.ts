import { WireReader } from '../wire/reader.js';
import { KeyError, readOrMalformed } from './key-error.js';
import { isPublicKeyType } from './key-types.js';
import { RevocationList } from './revocation-list.js';

/** Start of every KRL (PROTOCOL.krl section 1). */
const magic = Buffer.from('SSHKRL\n\0', 'latin1');
const formatVersion = 1;

/** Types of sections (PROTOCOL.krl section 1). */
const Section = {
  certificates: 1,
  explicitKey: 2,
  fingerprintSha1: 3,
  signature: 4,
  fingerprintSha256: 5,
  extension: 255,
} as const;

/** Types of sections for the certificates of one CA (PROTOCOL.krl section 2). */
const CertificateSection = {
  serialList: 0x20,
  serialRange: 0x21,
  serialBitmap: 0x22,
  keyId: 0x23,
  extension: 0x39,
} as const;

/** Returns true if the bytes are a KRL. */
export function isKrl(bytes: Uint8Array): boolean {
  return magic.equals(bytes.subarray(0, magic.length));
}

/**
 * Reads a key revocation list of `ssh-keygen -k` (PROTOCOL.krl). Throws `KeyError`: `malformed`; `unsupported` for critical extensions
 * and for signatures, which OpenSSH refuses since 9.4. Filters and other extensions that are not critical are skipped.
 */
export function parseKrl(bytes: Uint8Array): RevocationList {
  if (!isKrl(bytes)) throw new KeyError('malformed', 'malformed revocation list: not a KRL');
  return readOrMalformed('revocation list', () => {
    const reader = new WireReader(bytes, magic.length);
    const version = reader.u32();
    if (version !== formatVersion) throw new KeyError('unsupported', `KRL of format version ${version}`);
    reader.raw(24); // Version of the list, date, flags.
    reader.string(); // Reserved.
    reader.string(); // Comment.
    const list = new RevocationList();
    while (reader.remainingBytes > 0) readSection(reader.u8(), reader, list);
    return list;
  });
}

function readSection(type: number, reader: WireReader, list: RevocationList): void {
  if (type === Section.signature) {
    throw new KeyError('unsupported', 'signed KRL: sign the file with ssh-keygen -Y instead');
  }
  const section = new WireReader(reader.string());
  switch (type) {
    case Section.certificates:
      readCertificates(section, list);
      break;
    case Section.explicitKey:
      readEach(section, (blob) => list.addKeyBlob(blob));
      break;
    case Section.fingerprintSha1:
      readEach(section, (hash) => list.addKeyHash('sha1', checkedHash(hash, 20)));
      break;
    case Section.fingerprintSha256:
      readEach(section, (hash) => list.addKeyHash('sha256', checkedHash(hash, 32)));
      break;
    case Section.extension:
      skipExtension(section);
      break;
    default:
      throw new KeyError('unsupported', `KRL with an unknown section of type ${type}`);
  }
}

function checkedHash(hash: Buffer, bytes: number): Buffer {
  if (hash.length === bytes) return hash;
  throw new KeyError('malformed', `malformed KRL: hash of ${hash.length} bytes, expected ${bytes}`);
}

function readEach(reader: WireReader, add: (item: Buffer) => void): void {
  while (reader.remainingBytes > 0) add(reader.string());
}

function readCertificates(reader: WireReader, list: RevocationList): void {
  const caBlob = reader.string();
  if (caBlob.length > 0) checkIsPlainKey(caBlob);
  reader.string(); // Reserved.
  const revoked = list.certificatesOf(caBlob.length === 0 ? null : caBlob);
  while (reader.remainingBytes > 0) {
    const type = reader.u8();
    const section = new WireReader(reader.string());
    switch (type) {
      case CertificateSection.serialList:
        while (section.remainingBytes > 0) {
          const serial = section.u64();
          revoked.serials.addRange(serial, serial);
        }
        break;
      case CertificateSection.serialRange: {
        const first = section.u64();
        const last = section.u64();
        if (first > last)
          throw new KeyError('malformed', 'malformed KRL: range of serials ends before it starts');
        revoked.serials.addRange(first, last);
        break;
      }
      case CertificateSection.serialBitmap:
        revoked.serials.addBitmap(section.u64(), section.mpint(section.remainingBytes));
        break;
      case CertificateSection.keyId:
        readEach(section, (id) => revoked.keyIds.add(id.toString('utf8')));
        break;
      case CertificateSection.extension:
        skipExtension(section);
        break;
      default:
        throw new KeyError('unsupported', `KRL with an unknown section of type ${type} for certificates`);
    }
    section.end();
  }
}

/** A CA's key may be of a type that this server refuses: its certificates are refused as well. It may not be a certificate. */
function checkIsPlainKey(blob: Buffer): void {
  const type = new WireReader(blob).name();
  if (!isPublicKeyType(type) && type.includes('-cert-')) {
    throw new KeyError('malformed', 'malformed KRL: a CA key is a certificate');
  }
}

function skipExtension(reader: WireReader): void {
  const name = reader.text();
  const isCritical = reader.boolean();
  reader.string();
  reader.end();
  if (isCritical) {
    throw new KeyError('unsupported', `KRL with the critical extension ${JSON.stringify(name.slice(0, 64))}`);
  }
}
