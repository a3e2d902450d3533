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

/** Section 7. The two connection codes are for clients only and are never sent. */
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

/** Section 6.3. */
export const openFlag = {
  read: 0x01,
  write: 0x02,
  append: 0x04,
  create: 0x08,
  truncate: 0x10,
  exclusive: 0x20,
} as const;

/** Section 5. */
export const attributeFlag = {
  size: 0x00000001,
  uidGid: 0x00000002,
  permissions: 0x00000004,
  accessModificationTime: 0x00000008,
  extended: 0x80000000,
} as const;

/** File type bits of `permissions`, as POSIX <sys/stat.h> has them. */
export const fileTypeBits = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/**
 * What `limits@openssh.com` announces: OpenSSH's own figures (SFTP_MAX_MSG_LENGTH, and 1,024 bytes less for data),
 * so that clients ask for and send 255 KiB a request instead of 32.
 */
export const announcedLimits = {
  packetBytes: 256 * 1024,
  readBytes: 255 * 1024,
  writeBytes: 255 * 1024,
} as const;

/** The longest packet taken: a little over what is announced, for clients that send data of 256 KiB beside its header. */
export const maxPacketBytes = announcedLimits.packetBytes + 1024;

/** Every handle of ours is a counter of this many bytes. */
export const handleBytes = 8;
