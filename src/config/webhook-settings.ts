import { hour, second, setting } from './setting.js';
import { absoluteFile, count, duration, networkList, yesNo } from './values.js';

const day = 24 * hour;

/** The settings of webhooks. */
export const webhookSettings = {
  webhooksTimeoutMs: setting(
    'webhooks.timeout',
    duration(second, 60 * second),
    10 * second,
    'How long a webhook may take to answer.',
  ),
  webhooksParallel: setting(
    'webhooks.parallel',
    count(1, 64),
    8,
    'Maximum messages that are sent to one webhook in parallel.',
  ),
  webhooksQueue: setting(
    'webhooks.queue',
    count(10, 100_000),
    1_000,
    'Maximum messages that are queued for one webhook. When the queue is full, further events stay in the audit trail until there is room.',
  ),
  webhooksRetryDelayMs: setting(
    'webhooks.retry.delay',
    duration(100, hour),
    5 * second,
    'How long a webhook message waits for its second attempt. The wait doubles with each attempt, up to 10 minutes.',
  ),
  webhooksRetryTimeMs: setting(
    'webhooks.retry.time',
    duration(second, 30 * day),
    3 * day,
    'How long after its first attempt a webhook message is given up. `sftpgw webhook resend` sends it again.',
  ),
  webhooksKeepMs: setting(
    'webhooks.keep',
    duration(hour, 400 * day),
    30 * day,
    'How long webhook messages that were delivered or given up are listed.',
  ),
  webhooksAllowPrivate: setting(
    'webhooks.allow.private',
    networkList,
    null,
    'Addresses and networks that a webhook may have although they are not public, such as 10.1.2.3/32. Empty: none.',
  ),
  webhooksAllowHttp: setting(
    'webhooks.allow.http',
    yesNo,
    false,
    'Whether a webhook may have a URL with http://. The messages contain names of users and files.',
  ),
  webhooksCaFile: setting(
    'webhooks.ca.file',
    absoluteFile,
    null,
    'A PEM file with more authorities that may sign the certificates of webhooks. Empty: none.',
  ),
};
