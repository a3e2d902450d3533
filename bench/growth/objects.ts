import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { userName } from './users.js';

/** Every so many users have files. */
const everyUsers = 10;
const filesOfUser = 3;
const fileBytes = 4096;

/** Puts objects below the downloads of users, encrypted with their keys. */
export class ObjectsOfUsers implements AsyncDisposable {
  readonly #root: string;
  readonly #bucket: string;
  readonly #client: S3Client;

  constructor(root: string, env: NodeJS.ProcessEnv, endpoint: string) {
    this.#root = root;
    this.#bucket = env['SFTPGW_BUCKET'] ?? '';
    const [accessKeyId = '', secretAccessKey = ''] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']];
    this.#client = new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
  }

  /** Puts the files of users `from` to `to` - 1: three for every tenth user. */
  async put(from: number, to: number): Promise<void> {
    for (let user = from; user < to; user += 1) {
      if (user % everyUsers !== 0) continue;
      for (let file = 0; file < filesOfUser; file += 1) await this.putOne(userName(user), `file${file}`);
    }
  }

  /** Puts one file of random bytes. */
  async putOne(user: string, name: string): Promise<void> {
    const key = readFileSync(join(this.#root, 'home', user, '.sftpgateway/sse.key'));
    await this.#client.send(
      new PutObjectCommand({
        Bucket: this.#bucket,
        Key: `${user}/downloads/${name}`,
        Body: randomBytes(fileBytes),
        SSECustomerAlgorithm: 'AES256',
        SSECustomerKey: key.toString('base64'),
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
  }
}
