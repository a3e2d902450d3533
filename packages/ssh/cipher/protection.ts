/** Bytes of the field packet_length (RFC 4253 section 6). */
export const lengthBytes = 4;

/** How packets of one direction are laid out. */
export interface PacketLayout {
  /** Padding makes the padded part a multiple of this; at least 8 (RFC 4253 section 6). */
  readonly blockBytes: number;
  /** True when the padded part includes the length field. Authenticated ciphers and encrypt-then-MAC leave it out. */
  readonly padsLength: boolean;
  /** Bytes of the tag or MAC after the packet. */
  readonly tagBytes: number;
}

/** Encrypts packets of one direction under one set of keys. */
export interface PacketSealer extends PacketLayout {
  /**
   * Encrypts the packet in place and writes its tag behind it. `packetBytes` counts the length field and the body, without the tag;
   * the buffer has room for the tag. `sequence` is the packet's sequence number, 32 bits.
   */
  seal(buffer: Buffer, offset: number, packetBytes: number, sequence: number): void;
}

/** Decrypts packets of one direction under one set of keys. */
export interface PacketOpener extends PacketLayout {
  /** Bytes of a packet that `packetLength` needs. */
  readonly headBytes: number;
  /**
   * Returns the field packet_length of the packet at the offset. Called once for each packet, before `open`. It may decrypt the
   * first block in place. The value is not authenticated.
   */
  packetLength(buffer: Buffer, offset: number, sequence: number): number;
  /** Verifies the tag and decrypts the packet in place. Returns false when the tag does not match. */
  open(buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean;
}

/** Key material of one direction (RFC 4253 section 7.2). */
export interface DirectionKeys {
  readonly key: Buffer;
  readonly iv: Buffer;
  /** Empty when the cipher authenticates. */
  readonly macKey: Buffer;
}
