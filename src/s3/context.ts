import type { S3Client } from '@aws-sdk/client-s3';
import { Semaphore } from '../concurrency/semaphore.js';
import type { Call, Clock, Entropy } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import type { S3Connection } from './client.js';
import { CopyConditions } from './copy/copy-conditions.js';
import { ServerCopies } from './copy/server-copies.js';
import { S3CredentialSource } from './credentials.js';
import { DirectRequests } from './direct/direct-requests.js';
import { Diagnosis, type Subject } from './errors/diagnosis.js';
import type { Attempt } from './errors/translate.js';
import type { ExchangeOptions } from './http/exchange.js';
import {
  type ChecksumSetting,
  checksumsInUse,
  clientDefaults,
  type S3StoreOptions,
  storeDefaults,
} from './options.js';
import { Retries } from './retry.js';

/** State that the operations on one S3 share. */
export interface S3Context {
  readonly client: S3Client;
  /** Sends the requests that need no SDK. */
  readonly direct: DirectRequests;
  readonly diagnosis: Diagnosis;
  readonly credentials: S3CredentialSource;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly checksums: ChecksumSetting;
  /** The algorithm of the checksums that come with bodies, whether they are sent or not. */
  readonly checksumAlgorithm: ChecksumAlgorithm;
  readonly keyTags: boolean;
  readonly singleCopyLimitBytes: number;
  readonly copyPartBytes: number;
  readonly copyThroughBytes: number;
  readonly slowAnswerTimeoutMs: number;
  readonly copyConditions: CopyConditions;
  readonly serverCopies: ServerCopies;
  /** The size of parts that are copied through the gateway; up to it, an object is copied in one piece. */
  readonly streamPartBytes: number;
  /** Permits, in bytes, for the content that copies hold in memory. */
  readonly copyMemory: Semaphore;
  /** Retries a step inside an operation that must not begin again. */
  readonly retries: Retries;
}

export function createContext({ client, transport }: S3Connection, options: S3StoreOptions): S3Context {
  const checksums = checksumsInUse(options.checksums);
  return {
    client,
    direct: new DirectRequests(client, transport),
    diagnosis: new Diagnosis(client, options.clock),
    credentials: new S3CredentialSource(client, options.credentials ?? null),
    clock: options.clock,
    entropy: options.entropy,
    checksums,
    checksumAlgorithm: checksums === 'none' ? 'crc32' : checksums,
    keyTags: options.keyTags ?? true,
    singleCopyLimitBytes: options.singleCopyLimitBytes ?? storeDefaults.singleCopyLimitBytes,
    copyPartBytes: options.copyPartBytes ?? storeDefaults.copyPartBytes,
    copyThroughBytes: options.copyThroughBytes ?? storeDefaults.copyThroughBytes,
    slowAnswerTimeoutMs: options.slowAnswerTimeoutMs ?? clientDefaults.slowAnswerTimeoutMs,
    copyConditions: new CopyConditions(),
    serverCopies: new ServerCopies(),
    streamPartBytes: options.streamPartBytes ?? storeDefaults.streamPartBytes,
    copyMemory: new Semaphore(storeDefaults.copyMemoryBytes),
    retries: new Retries(options),
  };
}

/** Sends one request with these options, directly or with the SDK's client. */
export type Send<Output> = (options: ExchangeOptions) => Promise<Output>;

/**
 * Sends one request. Returns null when the object is absent. Throws the fault that the error means for
 * `attempt` and `subject`. Sends it once more if S3 refuses the credentials and others can be loaded.
 */
export async function request<Output>(
  context: S3Context,
  call: Call,
  send: Send<Output>,
  attempt: Attempt,
  subject: Subject,
  options: ExchangeOptions = {},
): Promise<Output | null> {
  const { credentials } = context;
  const { generation } = credentials;
  const once = async (): Promise<Output | null> => {
    try {
      const output = await sendTwiceWhenSkewed(send, { ...options, abortSignal: call.signal });
      credentials.loaded();
      return output;
    } catch (error) {
      return context.diagnosis.explain(call, credentials.faultOf(error), attempt, subject);
    }
  };
  try {
    return await once();
  } catch (fault) {
    if (!(await credentials.renewedAfter(fault, generation))) throw fault;
    return once();
  }
}

/** Both paths learn the server's time from such a refusal, and the same request then succeeds. */
async function sendTwiceWhenSkewed<Output>(send: Send<Output>, options: ExchangeOptions): Promise<Output> {
  try {
    return await send(options);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'RequestTimeTooSkewed') throw error;
    return send(options);
  }
}
