/** Numbers of draft-ietf-secsh-filexfer-02 (protocol version 3), sections 3 to 7. */

export const protocolVersion = 3;

export const packetType = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** Status codes, section 7. The two connection codes are missing, because servers never send them. */
export const statusCode = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;
export type StatusCode = (typeof statusCode)[keyof typeof statusCode];

/** Flags of SSH_FXP_OPEN, section 6.3. */
export const openFlag = {
  read: 0x01,
  write: 0x02,
  append: 0x04,
  create: 0x08,
  truncate: 0x10,
  exclusive: 0x20,
} as const;

/** Flags of attributes, section 5. */
export const attributeFlag = {
  size: 0x00000001,
  uidGid: 0x00000002,
  permissions: 0x00000004,
  accessModificationTime: 0x00000008,
  extended: 0x80000000,
} as const;

/** File type bits of `permissions`, as defined by POSIX <sys/stat.h>. */
export const fileTypeBits = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/**
 * Limits in the reply to `limits@openssh.com`. They are OpenSSH's own: SFTP_MAX_MSG_LENGTH, and 1,024 bytes
 * less for data. With them, OpenSSH's clients transfer 255 KiB per request instead of 32 KiB.
 */
export const announcedLimits = {
  packetBytes: 256 * 1024,
  readBytes: 255 * 1024,
  writeBytes: 255 * 1024,
} as const;

/**
 * Max size of a received packet. It exceeds the announced limit, because some clients send 256 KiB of data
 * plus the header.
 */
export const maxPacketBytes = announcedLimits.packetBytes + 1024;

/** Size of a handle on the wire, in bytes. A handle is a counter. */
export const handleBytes = 8;
