import { BlockList, isIP } from 'node:net';

/** True for 127.0.0.0/8, ::1 and the names that RFC 6761, section 6.3, reserves for the loopback. */
export function isLoopbackHost(hostname: string): boolean {
  const host = bareHost(hostname);
  return (
    host === '::1' ||
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
  );
}

/** Link-local addresses (RFC 3927, RFC 4291), and the network of AWS's own services on a machine. */
const onMachine = new BlockList();
onMachine.addSubnet('169.254.0.0', 16, 'ipv4');
onMachine.addSubnet('fe80::', 10, 'ipv6');
onMachine.addSubnet('fd00:ec2::', 32, 'ipv6');

/** True for hosts that only this machine can reach: the loopback and services such as AWS's credentials endpoint. */
export function isMachineHost(hostname: string): boolean {
  const host = bareHost(hostname);
  const family = isIP(host);
  if (isLoopbackHost(host)) return true;
  return family !== 0 && onMachine.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Returns a host in lower case, without the brackets of an IPv6 address or the dot at the end of a name. */
export function bareHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}
