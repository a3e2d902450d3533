import { expect, it } from 'vitest';
import { chooseRoot, type ProcessContext } from './root.js';

const checkout: ProcessContext = {
  environment: {},
  workingDirectory: '/src/sftpgw',
  checkout: '/src/sftpgw',
  hasServiceMarker: false,
};
const installed: ProcessContext = { ...checkout, workingDirectory: '/home/admin', checkout: null };

it.each([
  ['a checkout', undefined, checkout, '/src/sftpgw/sftpgw-data'],
  [
    'a checkout, from elsewhere',
    undefined,
    { ...checkout, workingDirectory: '/tmp' },
    '/src/sftpgw/sftpgw-data',
  ],
  ['an installed package', undefined, installed, '/'],
  ['the environment', undefined, { ...installed, environment: { SFTPGW_ROOT: '/data' } }, '/data'],
  ['an empty variable', undefined, { ...installed, environment: { SFTPGW_ROOT: '' } }, '/'],
  ['the flag', 'here', { ...installed, environment: { SFTPGW_ROOT: '/data' } }, '/home/admin/here'],
  [
    'a service from a checkout',
    undefined,
    { ...checkout, hasServiceMarker: true, workingDirectory: '/' },
    '/',
  ],
  ['a developer beside it', undefined, { ...checkout, hasServiceMarker: true }, '/src/sftpgw/sftpgw-data'],
  ['a namesake', undefined, { ...checkout, hasServiceMarker: true, workingDirectory: '/src/sftpgw-2' }, '/'],
])('chooses the root of %s', (_, flag, around, root) => expect(chooseRoot(flag, around)).toBe(root));
