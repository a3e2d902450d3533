import { CopyObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { FaultProxy, type ProxyAction, type SeenRequest } from './fault-proxy.js';
import { oldS3Target, type S3Target, s3Targets } from './s3-targets.js';

/** A server that does not copy encrypted objects, and what stands between it and the gateway. */
export interface ServerWithoutCopies {
  readonly name: string;
  readonly target: S3Target;
  /** Chooses the action on each request; null if the server itself does not copy. */
  readonly decide: ((request: SeenRequest, direct: S3Client) => ProxyAction | Promise<ProxyAction>) | null;
}

/** Returns Ceph 18, and the embedded server behind a proxy that refuses copies, or loses their encryption. */
export async function serversWithoutCopies(): Promise<readonly ServerWithoutCopies[]> {
  const [embedded] = await s3Targets();
  if (embedded === undefined) throw new Error('the embedded server is a target');
  const old = oldS3Target();
  return [
    { name: old.name, target: old, decide: null },
    { name: 'a server that answers copies with 501', target: embedded, decide: refused },
    { name: 'a server that copies without encryption', target: embedded, decide: withoutEncryption },
  ];
}

/** True for a request that makes the server copy. */
export function isCopy({ headers }: SeenRequest): boolean {
  return headers['x-amz-copy-source'] !== undefined;
}

const key = 'server-side-encryption-customer';

function isEncrypted({ headers }: SeenRequest): boolean {
  return Object.keys(headers).some((name) => name.includes('server-side-encryption'));
}

function refused(request: SeenRequest): ProxyAction {
  if (!isCopy(request) || !isEncrypted(request)) return { do: 'pass' };
  const body = '<?xml version="1.0"?><Error><Code>NotImplemented</Code></Error>';
  return { do: 'answer', status: 501, body };
}

/**
 * Answers as Ceph 18 does to the copy of an unencrypted object, for every object: the answer has no header of the
 * key. CopyObject has stored its bytes in the clear by then.
 */
async function withoutEncryption(request: SeenRequest, direct: S3Client): Promise<ProxyAction> {
  const { headers, url } = request;
  if (!isCopy(request) || !isEncrypted(request)) return { do: 'pass' };
  if (url.includes('partNumber=')) {
    return {
      do: 'change-headers',
      headers: { [`x-amz-${key}-algorithm`]: null, [`x-amz-${key}-key-md5`]: null },
    };
  }
  const [, bucket = '', ...rest] = new URL(url, 'http://s3').pathname.split('/').map(decodeURIComponent);
  const sourceKey = headers[`x-amz-copy-source-${key}-key`];
  const command = new CopyObjectCommand({
    Bucket: bucket,
    Key: rest.join('/'),
    CopySource: String(headers['x-amz-copy-source']),
    ...(typeof sourceKey === 'string'
      ? { CopySourceSSECustomerAlgorithm: 'AES256', CopySourceSSECustomerKey: sourceKey }
      : {}),
  });
  const { CopyObjectResult: result } = await direct.send(command);
  const body = `<?xml version="1.0"?><CopyObjectResult><ETag>${result?.ETag?.replaceAll('"', '&quot;')}</ETag></CopyObjectResult>`;
  return { do: 'answer', status: 200, body };
}

/** Starts the proxy in front of a started server. Null if the server needs none. */
export async function startProxy({ target, decide }: ServerWithoutCopies): Promise<FaultProxy | null> {
  if (decide === null) return null;
  const proxy = await FaultProxy.start(target.endpoint, target.caFile);
  const direct = target.client();
  proxy.decide = (request) => decide(request, direct);
  return proxy;
}
