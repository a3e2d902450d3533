/** Builds messages from the data types of RFC 4251 section 5. Each method returns the writer, so that calls can be chained. */
export class WireWriter {
  #bytes: Buffer;
  #length = 0;

  /** `capacity` is the expected size in bytes; the writer grows beyond it when necessary. */
  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get byteLength(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  boolean(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32BE(value, at);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64BE(value, at);
    return this;
  }

  /** Appends bytes without a length. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Appends a string; text becomes UTF-8. */
  string(value: Uint8Array | string): this {
    if (typeof value === 'string') {
      const byteLength = Buffer.byteLength(value);
      this.u32(byteLength);
      const at = this.#reserve(byteLength);
      this.#bytes.write(value, at, 'utf8');
      return this;
    }
    return this.u32(value.byteLength).raw(value);
  }

  nameList(names: readonly string[]): this {
    return this.string(names.join(','));
  }

  /** Appends a non-negative number from its big-endian magnitude. Leading zeros are dropped, a sign byte is added. */
  mpint(magnitude: Uint8Array): this {
    let first = 0;
    while (first < magnitude.byteLength && magnitude[first] === 0) first += 1;
    const digits = magnitude.subarray(first);
    const needsSign = (digits[0] ?? 0) >= 0x80;
    this.u32(digits.byteLength + (needsSign ? 1 : 0));
    if (needsSign) this.u8(0);
    return this.raw(digits);
  }

  /** Returns the bytes written so far. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(byteLength: number): number {
    const at = this.#length;
    const end = at + byteLength;
    if (end > this.#bytes.byteLength) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#bytes.byteLength * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }
}

/** Returns a string of RFC 4251 section 5: the length, then the bytes. */
export function encodeString(value: Uint8Array | string): Buffer {
  return new WireWriter(value.length + 4).string(value).finish();
}

/** Returns a non-negative mpint of RFC 4251 section 5 from its big-endian magnitude. */
export function encodeMpint(magnitude: Uint8Array): Buffer {
  return new WireWriter(magnitude.byteLength + 5).mpint(magnitude).finish();
}
