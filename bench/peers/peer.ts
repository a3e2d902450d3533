/**
 * The environment of every contender: the same bucket of the same S3 server over https, the same key and SSH
 * identity.
 */
export interface Arena {
  readonly endpoint: string;
  readonly caFile: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  readonly keyFile: string;
  readonly keyBase64: string;
  /** Path of the SSH user's private key. The public key has the same path with `.pub`. */
  readonly identity: string;
  /** A directory for this contender's own files. */
  readonly work: string;
}

/** One running SFTP server in front of S3. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  /** The directory that is stored in S3, as the SFTP client names it. Ends with a slash. */
  readonly directory: string;
  /** Returns the CPU seconds used so far by all processes between the client and S3. */
  cpuSeconds(): number;
  /** Returns the peak memory of these processes so far, in MiB. Processes that have ended do not count. */
  peakMemoryMib(): number;
}

/** Starts a contender. Its SFTP server accepts connections once the promise resolves. */
export type StartPeer = (arena: Arena) => Promise<Peer>;
