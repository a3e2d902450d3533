import { lengthBytes, type PacketOpener, type PacketSealer } from './protection.js';

const layout = { blockBytes: 8, padsLength: true, tagBytes: 0 } as const;

/** Packets before the first NEWKEYS (RFC 4253 section 6). */
export const plainSealer: PacketSealer = { ...layout, seal: () => undefined };

/** Packets before the first NEWKEYS (RFC 4253 section 6). */
export const plainOpener: PacketOpener = {
  ...layout,
  headBytes: lengthBytes,
  packetLength: (buffer, offset) => buffer.readUInt32BE(offset),
  open: () => true,
};
