/** What every contender is given: the same bucket of the same S3 over https, the same key, the same SSH identity. */
export interface Arena {
  readonly endpoint: string;
  readonly caFile: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  readonly keyFile: string;
  readonly keyBase64: string;
  /** Private key of the SSH user; the public one is beside it with `.pub`. */
  readonly identity: string;
  /** A directory for this contender's own files. */
  readonly work: string;
}

/** One running SFTP server in front of S3. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  /** The directory that rests in S3, as the SFTP client names it, with a slash at the end. */
  readonly directory: string;
  /** CPU seconds used so far by everything that stands between the client and S3. */
  cpuSeconds(): number;
}

export type StartPeer = (arena: Arena) => Promise<Peer>;
