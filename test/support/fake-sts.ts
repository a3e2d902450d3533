import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A session that the STS has given out. */
export interface StsSession {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** An AssumeRole request as the STS received it. */
export interface StsRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId: string | null;
  /** The region of the signature. */
  readonly region: string;
}

/** The answer to a request: a session, an error, or nothing. */
export type StsAnswer =
  | { readonly kind: 'session'; readonly lifetimeMs: number }
  | { readonly kind: 'error'; readonly status: number; readonly code: string; readonly message: string }
  | { readonly kind: 'silence' };

/** An STS that checks the signature of AssumeRole, and gives out credentials for the embedded S3 server. */
export class FakeSts implements AsyncDisposable {
  readonly requests: StsRequest[] = [];
  readonly sessions = new Map<string, StsSession>();
  /** Decides the answer; by default every role can be assumed for an hour. */
  answer: (request: StsRequest) => StsAnswer = () => ({ kind: 'session', lifetimeMs: 3_600_000 });
  readonly #secretOf: (accessKeyId: string) => string | null;
  readonly #server: Server;
  nowMs: () => number = Date.now;

  /** `secretOf` knows the credentials that may assume roles. */
  constructor(secretOf: (accessKeyId: string) => string | null) {
    this.#secretOf = secretOf;
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const fields = new URLSearchParams(body.toString());
    const asked: StsRequest = {
      roleArn: fields.get('RoleArn') ?? '',
      sessionName: fields.get('RoleSessionName') ?? '',
      externalId: fields.get('ExternalId'),
      region: /Credential=[^/]+\/\d+\/([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '',
    };
    this.requests.push(asked);
    const isSigned = this.#isSigned(request, body);
    const answer: StsAnswer = isSigned
      ? this.answer(asked)
      : {
          kind: 'error',
          status: 403,
          code: 'SignatureDoesNotMatch',
          message: 'The signature does not match.',
        };
    if (answer.kind === 'silence') return;
    if (answer.kind === 'error') {
      const { status, code, message } = answer;
      response.writeHead(status, { 'content-type': 'text/xml' });
      response.end(
        `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
      );
      return;
    }
    const session = this.#session(answer.lifetimeMs);
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(
      `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>${session.accessKeyId}</AccessKeyId><SecretAccessKey>${session.secretAccessKey}</SecretAccessKey><SessionToken>${session.sessionToken}</SessionToken><Expiration>${session.expiration.toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
    );
  }

  #session(lifetimeMs: number): StsSession {
    const session = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(64).toString('base64'),
      expiration: new Date(this.nowMs() + lifetimeMs),
    };
    this.sessions.set(session.accessKeyId, session);
    return session;
  }

  /** Checks the signature as documented: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
  #isSigned({ headers, method, url }: IncomingMessage, body: Buffer): boolean {
    const parts =
      /Credential=([^/]+)\/(\d{8})\/([^/]+)\/sts\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)/;
    const found = parts.exec(headers.authorization ?? '');
    if (found === null || body.length === 0) return false;
    const [, accessKeyId = '', date = '', region = '', signedHeaders = '', signature = ''] = found;
    const secret = this.#secretOf(accessKeyId);
    if (secret === null) return false;
    const lines = signedHeaders.split(';').map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`);
    const hash = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
    const canonical = [method, url, '', lines.join(''), signedHeaders, hash(body)].join('\n');
    const scope = `${date}/${region}/sts/aws4_request`;
    const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n');
    const key = [date, region, 'sts', 'aws4_request'].reduce<string | Buffer>(
      (last, text) => createHmac('sha256', last).update(text).digest(),
      `AWS4${secret}`,
    );
    return createHmac('sha256', key).update(toSign).digest('hex') === signature;
  }
}
