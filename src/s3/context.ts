import type { S3Client } from '@aws-sdk/client-s3';
import type { Call, Clock, Entropy } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import { CopyConditions } from './copy/copy-conditions.js';
import type { LeanRequests } from './direct/lean-requests.js';
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

/** What the operations on one S3 share. */
export interface S3Context {
  readonly client: S3Client;
  readonly diagnosis: Diagnosis;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly checksums: ChecksumSetting;
  /** Of the checksums that bodies bear, sent or not. */
  readonly checksumAlgorithm: ChecksumAlgorithm;
  readonly keyTags: boolean;
  readonly singleCopyLimitBytes: number;
  readonly copyPartBytes: number;
  readonly copyThroughBytes: number;
  readonly slowAnswerTimeoutMs: number;
  readonly copyConditions: CopyConditions;
  /** Requests without the SDK's layers; absent where only the SDK asks. */
  readonly lean?: LeanRequests;
}

export function createContext(client: S3Client, options: S3StoreOptions): S3Context {
  const checksums = checksumsInUse(options.checksums);
  return {
    client,
    diagnosis: new Diagnosis(client, options.clock),
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
  };
}

/** Sends the command with these options: one call of the SDK's client. */
export type Send<Output> = (options: ExchangeOptions) => Promise<Output>;

/**
 * Sends one command. Null when the object is absent; throws the Fault that `attempt` and `subject` explain.
 */
export async function request<Output>(
  context: S3Context,
  call: Call,
  send: Send<Output>,
  attempt: Attempt,
  subject: Subject,
  options: ExchangeOptions = {},
): Promise<Output | null> {
  try {
    return await sendTwiceWhenSkewed(send, { ...options, abortSignal: call.signal });
  } catch (error) {
    return context.diagnosis.explain(call, error, attempt, subject);
  }
}

/** The SDK learns the server's time from a refusal; the same request is then good. */
async function sendTwiceWhenSkewed<Output>(send: Send<Output>, options: ExchangeOptions): Promise<Output> {
  try {
    return await send(options);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'RequestTimeTooSkewed') throw error;
    return send(options);
  }
}
