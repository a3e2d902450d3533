import { describe, expect, it } from 'vitest';
import { parseQueueUrl } from './queue-url.js';

describe('the URL of a queue', () => {
  it.each([
    ['https://sqs.eu-west-1.amazonaws.com/123456789012/q', 'eu-west-1'],
    ['https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q', 'cn-north-1'],
    ['https://sqs.eu-west-1.api.aws/123456789012/q', 'eu-west-1'],
    ['http://127.0.0.1:9324/000000000000/q', null],
  ])('%s has the region %s', (url, region) => {
    expect(parseQueueUrl(url)).toEqual({ url, endpoint: new URL(url).origin, region });
  });

  it.each(['', 'q', 'https://sqs.eu-west-1.amazonaws.com/', 'https://user:pw@host/1/q'])(
    'cannot be %j',
    (url) => {
      expect(() => parseQueueUrl(url)).toThrow(/the queue must be a URL/);
    },
  );
});
