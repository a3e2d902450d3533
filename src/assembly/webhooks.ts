import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { GatewayDatabase } from '../database/database.js';
import { WebhookDeliveries } from '../database/webhooks/deliveries.js';
import { WebhookEndpoints } from '../database/webhooks/endpoints.js';
import { GatewayIdentity } from '../keyring/gateway-identity.js';
import { createSecretSeal } from '../keyring/secret-seal.js';
import { Fault } from '../model/fault.js';
import { ProxyRules } from '../network/proxy-rules.js';
import type { WebhookRules } from '../webhooks/rules.js';
import { WebhookSender } from '../webhooks/sender.js';
import type { LiveSettings } from './live-settings.js';
import { packageVersion } from './package.js';
import { systemClock, systemEntropy } from './system.js';

/** Returns the services of webhooks that the dispatcher and the commands share. */
export function webhookServices(settings: LiveSettings, database: GatewayDatabase) {
  return {
    endpoints: new WebhookEndpoints(database),
    deliveries: new WebhookDeliveries(database),
    seal: createSecretSeal(new GatewayIdentity(settings.paths.keyringIdentityFile), 'webhook'),
    rules: () => webhookRulesOf(settings),
    clock: systemClock,
    entropy: systemEntropy,
  };
}

/** Creates the sender of messages. Throws `invalid` if `webhooks.ca.file` or a proxy of the environment is wrong. */
export async function createWebhookSender({ current }: LiveSettings): Promise<WebhookSender> {
  const { webhooksCaFile: path } = current;
  return new WebhookSender({
    ca: path === null ? null : [...rootCertificates, await readAuthorities(path)],
    proxies: ProxyRules.fromEnvironment(),
    userAgent: `sftpgw/${packageVersion()}`,
  });
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Fault('invalid', `cannot read webhooks.ca.file ${path}`, { cause: error });
  }
}

function webhookRulesOf({ current }: LiveSettings): WebhookRules {
  return {
    allowPrivate: current.webhooksAllowPrivate,
    allowHttp: current.webhooksAllowHttp,
    timeoutMs: current.webhooksTimeoutMs,
    parallel: current.webhooksParallel,
    queue: current.webhooksQueue,
    retryDelayMs: current.webhooksRetryDelayMs,
    retryTimeMs: current.webhooksRetryTimeMs,
    keepMs: current.webhooksKeepMs,
  };
}
