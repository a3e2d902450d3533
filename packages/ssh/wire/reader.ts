import { protocolFault } from './fault.js';

/** Longest mpint that any message carries: a prime of 8192 bits and its sign byte. */
const maxMpintBytes = 1025;
const maxNames = 256;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the data types of RFC 4251 section 5 from one message. Every method throws a `ProtocolError` when the bytes end early or do
 * not have the form that the RFC requires. Byte strings are views of the message: copy what outlives it.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #at: number;

  /** `from` is the offset of the first byte to read. */
  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = from;
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#at;
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  /** Returns false for 0 and true for every other value (RFC 4251 section 5). */
  boolean(): boolean {
    return this.u8() !== 0;
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  /** Returns the next `byteLength` bytes. */
  raw(byteLength: number): Buffer {
    const at = this.#take(byteLength);
    return this.#bytes.subarray(at, at + byteLength);
  }

  /** Returns the bytes of a string. A string above `maxBytes` is refused. */
  string(maxBytes = 0xffff_ffff): Buffer {
    const byteLength = this.u32();
    if (byteLength > maxBytes)
      throw protocolFault(`string of ${byteLength} bytes, expected at most ${maxBytes}`);
    return this.raw(byteLength);
  }

  /** Returns a string that must be UTF-8 (RFC 3629). */
  text(maxBytes = 0xffff_ffff): string {
    const bytes = this.string(maxBytes);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw protocolFault('text is not UTF-8');
    }
  }

  /** Returns a string of printable US-ASCII, as names of algorithms, methods and requests are (RFC 4250 section 4.6.1). */
  name(maxBytes = 0xffff_ffff): string {
    const bytes = this.string(maxBytes);
    if (!isPrintable(bytes)) throw protocolFault('name is not printable US-ASCII');
    return bytes.toString('latin1');
  }

  /**
   * Returns the names of a name-list. RFC 4251 section 5 forbids empty names. They are ignored, as OpenSSH does, because libssh
   * 0.10 ends its list of ciphers with a comma.
   */
  nameList(maxBytes = 0xffff_ffff): string[] {
    const list = this.name(maxBytes);
    if (list === '') return [];
    const names = list.split(',', maxNames + 1);
    if (names.length > maxNames) throw protocolFault(`name-list of more than ${maxNames} names`);
    return names.filter((name) => name !== '');
  }

  /**
   * Returns the magnitude of a non-negative mpint, without its sign byte; an empty view for zero. A negative number and a number
   * with needless leading zeros are refused.
   */
  mpint(maxBytes = maxMpintBytes): Buffer {
    const bytes = this.string(maxBytes);
    const first = bytes[0];
    if (first === undefined) return bytes;
    if (first >= 0x80) throw protocolFault('mpint is negative');
    if (first !== 0) return bytes;
    const second = bytes[1];
    if (second === undefined || second < 0x80) throw protocolFault('mpint has needless leading zeros');
    return bytes.subarray(1);
  }

  /** Returns all bytes that remain. */
  rest(): Buffer {
    return this.raw(this.remainingBytes);
  }

  /** Checks that the message ends here. */
  end(): void {
    if (this.remainingBytes > 0)
      throw protocolFault(`${this.remainingBytes} bytes after the end of the message`);
  }

  #take(byteLength: number): number {
    const at = this.#at;
    if (byteLength > this.#bytes.length - at) {
      throw protocolFault(
        `message ends early: expected ${byteLength} bytes more, found ${this.#bytes.length - at}`,
      );
    }
    this.#at = at + byteLength;
    return at;
  }
}

function isPrintable(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20 || byte > 0x7e) return false;
  return true;
}
