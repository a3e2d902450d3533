import { attributeFlag } from './constants.js';
import type { WireAttributes } from './requests.js';

/** A field extends beyond its packet or has an invalid value. */
export class MalformedPacket extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'MalformedPacket';
  }
}

/**
 * Reads the fields of one packet in order (RFC 4251 section 5). Strings are views of the packet. Throws
 * `MalformedPacket`.
 */
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

  /** Reads a uint64 that is an offset or a size, up to 2^53 - 1. */
  size(): number {
    const at = this.#advance(8);
    const high = this.#view.getUint32(at);
    if (high > 0x1fffff) throw new MalformedPacket('an offset or a size is above 2^53 - 1');
    return high * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  string(): Uint8Array {
    const length = this.uint32();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /**
   * Reads attributes, section 5. Skips extended pairs. Refuses unknown flags, because the size of their
   * fields is unknown.
   */
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
    if (length > this.#bytes.byteLength - at) throw new MalformedPacket('a field extends beyond the packet');
    this.#position = at + length;
    return at;
  }
}
