import { parseXml } from '../xml.js';

interface ErrorDocument {
  readonly Error?: {
    readonly Code?: unknown;
    readonly Message?: unknown;
    readonly RequestId?: unknown;
  };
}

/**
 * Returns an error answer of S3 as the error that the SDK would throw: named by S3's code, `Unknown` without
 * a body that has one, with status and headers.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export function responseError(
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): Error {
  const { Code: code, Message: message, RequestId: requestId } = documentOf(text).Error ?? {};
  return Object.assign(new Error(typeof message === 'string' ? message : `HTTP status ${status}`), {
    name: typeof code === 'string' && code !== '' ? code : 'Unknown',
    $metadata: {
      httpStatusCode: status,
      requestId: headers['x-amz-request-id'] ?? (typeof requestId === 'string' ? requestId : undefined),
    },
    $response: { headers },
  });
}

/** A proxy between the gateway and S3 may answer with a page of its own. */
function documentOf(text: string): ErrorDocument {
  if (!text.includes('<Error>')) return {};
  try {
    return parseXml(text, []) as ErrorDocument;
  } catch {
    return {};
  }
}
