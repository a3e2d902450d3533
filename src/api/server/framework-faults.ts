import { Fault } from '../../model/fault.js';
import { Refusal } from '../refusal.js';

/** Returns an error of the framework as a fault. Its texts do not contain the body. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { statusCode, code } = error as { readonly statusCode?: number; readonly code?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new Fault('too-large', 'the body is too large');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new Refusal('invalid', 'the content type is not one that the operation takes', { status: 415 });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Fault('invalid', 'the request is malformed');
  }
  return Fault.from(error);
}
