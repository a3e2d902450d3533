import { attributeFlag } from './constants.js';
import type { WireAttributes } from './requests.js';

/** The packet's fields do not fit into it, or a number is beyond what a file can have. */
export class MalformedPacket extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'MalformedPacket';
  }
}

/** Reads the fields of one packet in order (RFC 4251 section 5). Strings are views. Throws `MalformedPacket`. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.#position;
  }

  uint32(): number {
    const at = this.#advance(4);
    return this.#view.getUint32(at);
  }

  /** A uint64 that a file offset or a size can have: at most 2^53 - 1. */
  size(): number {
    const at = this.#advance(8);
    const high = this.#view.getUint32(at);
    if (high > 0x1fffff) throw new MalformedPacket('an offset or a size is beyond 2^53 - 1');
    return high * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  string(): Uint8Array {
    const length = this.uint32();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Section 5. Unknown extended pairs are passed over, unknown flags are refused because what follows has no known form. */
  attributes(): WireAttributes {
    const flags = this.uint32();
    const known =
      attributeFlag.size |
      attributeFlag.uidGid |
      attributeFlag.permissions |
      attributeFlag.accessModificationTime |
      attributeFlag.extended;
    if ((flags & ~known) !== 0) throw new MalformedPacket('unknown attribute flags');
    const attributes: { -readonly [K in keyof WireAttributes]: WireAttributes[K] } = {};
    if (flags & attributeFlag.size) attributes.size = this.size();
    if (flags & attributeFlag.uidGid) {
      attributes.uid = this.uint32();
      attributes.gid = this.uint32();
    }
    if (flags & attributeFlag.permissions) attributes.permissions = this.uint32();
    if (flags & attributeFlag.accessModificationTime) {
      attributes.atimeSeconds = this.uint32();
      attributes.mtimeSeconds = this.uint32();
    }
    if (flags & attributeFlag.extended) {
      for (let pairs = this.uint32(); pairs > 0; pairs--) {
        this.string();
        this.string();
      }
    }
    return attributes;
  }

  #advance(length: number): number {
    const at = this.#position;
    if (length > this.#bytes.byteLength - at) throw new MalformedPacket('a field reaches past the packet');
    this.#position = at + length;
    return at;
  }
}
