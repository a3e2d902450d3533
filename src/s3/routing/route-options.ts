import { createS3Client, endpointInUse } from '../client.js';
import type { S3StoreOptions } from '../options.js';
import { assumeRole, sessionNameOf, stsEndpoint } from './assume-role.js';
import { RoleCredentials } from './role-credentials.js';
import type { Route } from './store-routes.js';

/**
 * Returns the options of a store that uses this route: its region and endpoint, and the credentials of its
 * role. STS is asked with the gateway's own credentials.
 */
export function routeOptions(options: S3StoreOptions, route: Route | null): S3StoreOptions {
  const { routes: _routes, ...own } = options;
  if (route === null) return own;
  const { region, endpoint, roleArn, externalId } = route.access;
  const located = { ...own, region: region ?? own.region, endpoint: endpoint ?? own.endpoint };
  if (roleArn === null) return located;
  const role = { roleArn, externalId, sessionName: sessionNameOf(route.username) };
  const credentials = new RoleCredentials(options.clock, () => assumeRole(connection(), role));
  const connection = () => {
    const stsRegion = located.region ?? process.env['AWS_REGION'] ?? 'us-east-1';
    const given = options.stsEndpoint ?? process.env['AWS_ENDPOINT_URL_STS'];
    const address = given || endpointInUse(own) || stsEndpoint(stsRegion);
    sts ??= createS3Client({ ...own, region: stsRegion, endpoint: null });
    return { ...sts, endpoint: address, region: stsRegion };
  };
  let sts: ReturnType<typeof createS3Client> | null = null;
  return { ...located, credentials };
}
