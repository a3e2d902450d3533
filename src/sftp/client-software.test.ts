import { describe, expect, it } from 'vitest';
import { habitsOf } from './client-software.js';

describe('the arguments of SSH_FXP_SYMLINK', () => {
  it.each([
    'OpenSSH_9.2p1',
    'OpenSSH_for_Windows_9.5',
    'dropbear_2022.83',
    'PuTTY_Release_0.78',
    'libssh2_1.11.1',
    'JSCH-0.1.54',
    'Go',
    'rclone/v1.60.1-DEV',
    'paramiko_2.12.0',
    'Renci.SshNet.SshClient.2024.1.0',
    'APACHE-SSHD-2.13.0',
    'Cyberduck/8.7.3.40788',
    'russh_0.45.0',
    '',
  ])('of %j have the target first', (software) => {
    expect(habitsOf(software).sendsLinkFirst).toBe(false);
  });

  it.each([
    'AsyncSSH_2.10.1',
    'Ruby/Net::SSH_7.0.1',
    'libssh_0.10.6',
    'libssh-0.7.0',
    'phpseclib_3.0',
    'ssh2js1.16.0',
    'ssh2js0.4.10srv',
    'WinSCP_release_6.3.3',
    'Twisted_22.4.0',
    'Twisted',
    'SSHJ_0.38.0',
  ])('of %j have the link first', (software) => {
    expect(habitsOf(software).sendsLinkFirst).toBe(true);
  });
});

describe('stderr', () => {
  it.each([
    ['OpenSSH_9.2p1', true],
    ['PuTTY_Release_0.78', true],
    ['AsyncSSH_2.10.1', false],
    ['', false],
  ])('of %j is shown to the user: %j', (software, isShown) => {
    expect(habitsOf(software).showsStderr).toBe(isShown);
  });
});
