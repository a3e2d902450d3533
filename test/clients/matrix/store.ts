import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { TestUser } from '../../support/gateway.js';
import type { SftpClient } from '../../support/sftp-client.js';
import type { Area } from './cells.js';

/** Bytes of one WRITE. */
const writeBytes = 200_000;

/** Reads what a client has stored without the gateway: objects with the user's key, and files from the disk. */
export class Store {
  readonly #user: TestUser;
  readonly #s3: S3Client;
  readonly #bucket: string;
  readonly #sftp: SftpClient;

  constructor(user: TestUser, s3: S3Client, bucket: string, sftp: SftpClient) {
    this.#user = user;
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#sftp = sftp;
  }

  /** Returns the content, or null if there is no such file. */
  async read(area: Area, name: string): Promise<Buffer | null> {
    if (area === 'local') return readFile(this.#onDisk(name)).catch(() => null);
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand(this.#object(name)));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch {
      return null;
    }
  }

  /** Returns the size in bytes, or null if there is no such file. */
  async size(area: Area, name: string): Promise<number | null> {
    if (area === 'local')
      return stat(this.#onDisk(name)).then(
        ({ size }) => size,
        () => null,
      );
    const head = await this.#s3.send(new HeadObjectCommand(this.#object(name))).catch(() => null);
    return head?.ContentLength ?? null;
  }

  /** Returns true if the directory, or anything below it, exists. */
  async hasDirectory(area: Area, name: string): Promise<boolean> {
    if (area === 'local')
      return stat(this.#onDisk(name)).then(
        (found) => found.isDirectory(),
        () => false,
      );
    const listed = await this.#s3.send(
      new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: `${this.#key(name)}/`, MaxKeys: 1 }),
    );
    return (listed.KeyCount ?? 0) > 0;
  }

  /** Returns the size in bytes of each file below a directory, by its path from there. At most 1,000 files. */
  async sizes(area: Area, name: string): Promise<ReadonlyMap<string, number>> {
    if (area === 'local') throw new Error('only objects are listed');
    const prefix = `${this.#key(name)}/`;
    const { Contents = [] } = await this.#s3.send(
      new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix }),
    );
    const files = Contents.filter(({ Key = '' }) => !Key.endsWith('/'));
    return new Map(files.map(({ Key = '', Size = 0 }) => [Key.slice(prefix.length), Size]));
  }

  /** Returns the permission bits and the time in whole seconds that the gateway reports to clients. */
  async attributes(area: Area, name: string): Promise<{ readonly mode: number; readonly seconds: number }> {
    const path = Buffer.from(`/${area}/${name}`);
    const { permissions = 0, mtimeSeconds = 0 } = await this.#sftp.attributes({ type: 'stat', path });
    return { mode: permissions & 0o777, seconds: mtimeSeconds };
  }

  /** Stores a file through the gateway, as another client of the same user does. */
  async write(area: Area, name: string, bytes: Uint8Array): Promise<void> {
    const handle = await this.#sftp.open(`/${area}/${name}`, { write: true, create: true, truncate: true });
    for (let offset = 0; offset < bytes.byteLength; offset += writeBytes) {
      await this.#sftp.write(handle, offset, bytes.subarray(offset, offset + writeBytes));
    }
    await this.#sftp.ok({ type: 'close', handle });
  }

  async writeRandom(area: Area, name: string, length: number): Promise<Buffer> {
    const bytes = randomBytes(length);
    await this.write(area, name, bytes);
    return bytes;
  }

  async remove(area: Area, name: string): Promise<void> {
    await this.#sftp.ok({ type: 'remove', path: Buffer.from(`/${area}/${name}`) });
  }

  async mkdir(area: Area, name: string): Promise<void> {
    await this.#sftp.ok({ type: 'mkdir', path: Buffer.from(`/${area}/${name}`), attributes: {} });
  }

  #onDisk(name: string): string {
    const { gateway, name: user } = this.#user;
    return join(gateway.root, 'home', user, 'home', user, 'local', name);
  }

  #key(name: string): string {
    return `${this.#user.name}/uploads/${name}`;
  }

  #object(name: string) {
    return {
      Bucket: this.#bucket,
      Key: this.#key(name),
      SSECustomerAlgorithm: 'AES256',
      // The SDK takes raw bytes as well, which its types do not say.
      SSECustomerKey: this.#user.key as unknown as string,
    };
  }
}
