/** Attributes on the wire, section 5. Fields that the client did not send are absent. */
export interface WireAttributes {
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Permission bits, and file type bits if the client sent them. */
  readonly permissions?: number;
  readonly atimeSeconds?: number;
  readonly mtimeSeconds?: number;
}

/** A request that its reply names by an id. Paths and handles in requests are raw bytes. */
interface Identified {
  readonly id: number;
}

interface WithPath extends Identified {
  readonly path: Uint8Array;
}

interface WithHandle extends Identified {
  readonly handle: Uint8Array;
}

export type Request =
  | { readonly type: 'init'; readonly version: number }
  | (WithPath & { readonly type: 'open'; readonly flags: number; readonly attributes: WireAttributes })
  | (WithHandle & { readonly type: 'close' | 'fstat' | 'readdir' })
  | (WithHandle & { readonly type: 'read'; readonly offset: number; readonly length: number })
  | (WithHandle & {
      readonly type: 'write';
      readonly offset: number;
      /** Views of the buffers that were pushed to the decoder, `byteLength` bytes in total. */
      readonly chunks: readonly Uint8Array[];
      readonly byteLength: number;
    })
  | (WithPath & {
      readonly type: 'lstat' | 'stat' | 'opendir' | 'remove' | 'rmdir' | 'realpath' | 'readlink';
    })
  | (WithPath & {
      readonly type: 'setstat' | 'mkdir' | 'lsetstat';
      readonly attributes: WireAttributes;
    })
  | (WithHandle & { readonly type: 'fsetstat'; readonly attributes: WireAttributes })
  | (Identified & {
      readonly type: 'rename' | 'posix-rename' | 'hardlink';
      readonly from: Uint8Array;
      readonly to: Uint8Array;
    })
  /**
   * The link and its target. The draft has the link first, OpenSSH the target (OpenSSH PROTOCOL, section 4.1), so that
   * the order depends on the client.
   */
  | (Identified & {
      readonly type: 'symlink';
      readonly first: Uint8Array;
      readonly second: Uint8Array;
    })
  | (WithHandle & { readonly type: 'fsync' | 'fstatvfs' })
  | (WithPath & { readonly type: 'statvfs' | 'expand-path' })
  | (Identified & { readonly type: 'limits' })
  | (Identified & { readonly type: 'home-directory'; readonly username: Uint8Array })
  | (Identified & {
      readonly type: 'users-groups-by-id';
      readonly uids: readonly number[];
      readonly gids: readonly number[];
    })
  | (Identified & {
      readonly type: 'copy-data';
      readonly from: Uint8Array;
      readonly fromOffset: number;
      /** 0 means up to the end of the file. */
      readonly length: number;
      readonly to: Uint8Array;
      readonly toOffset: number;
    })
  /** An unsupported packet type or extension. */
  | (Identified & { readonly type: 'unknown'; readonly what: string })
  /** A packet with a valid length but invalid fields. */
  | (Identified & { readonly type: 'malformed'; readonly reason: string });

export type RequestType = Request['type'];
/** The request of one type, also if several types share a member of the union. */
export type RequestOf<T extends RequestType> = Request extends infer R
  ? R extends { readonly type: infer U }
    ? T extends U
      ? Omit<R, 'type'> & { readonly type: T }
      : never
    : never
  : never;

/**
 * The extended requests (packet type 200) by their names on the wire, with the version that SSH_FXP_VERSION
 * announces.
 */
export const extensions = {
  'posix-rename@openssh.com': { type: 'posix-rename', version: '1' },
  'hardlink@openssh.com': { type: 'hardlink', version: '1' },
  'fsync@openssh.com': { type: 'fsync', version: '1' },
  'statvfs@openssh.com': { type: 'statvfs', version: '2' },
  'fstatvfs@openssh.com': { type: 'fstatvfs', version: '2' },
  'lsetstat@openssh.com': { type: 'lsetstat', version: '1' },
  'limits@openssh.com': { type: 'limits', version: '1' },
  'expand-path@openssh.com': { type: 'expand-path', version: '1' },
  'copy-data': { type: 'copy-data', version: '1' },
  'users-groups-by-id@openssh.com': { type: 'users-groups-by-id', version: '1' },
  'home-directory': { type: 'home-directory', version: '1' },
} as const;
export type ExtensionName = keyof typeof extensions;
export type ExtendedType = (typeof extensions)[ExtensionName]['type'];
