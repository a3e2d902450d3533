import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import { isOpenToOthers } from '../keyring/disk-fault.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** The state of the installation, and the paths to check. */
export interface MachineCheckOptions {
  /** True if the native ciphers of the SSH server are loaded. */
  readonly hasNativeCrypto: boolean;
  /** True if native code computes CRC-32C. */
  readonly hasNativeCrc32c: boolean;
  /** True if every uploaded part is to carry a CRC-32C. */
  readonly sendsCrc32c: boolean;
  /** Files and directories with secrets; missing ones are ignored. */
  readonly secretPaths: readonly string[];
  /** Directories in which every file except `*.pub` holds a secret. */
  readonly secretDirectories: readonly string[];
  /** The directory whose disk needs `mirrorReserveBytes` of free space. */
  readonly mirrorDirectory: string;
  readonly mirrorReserveBytes: number;
  /** Problems in the global settings, one sentence each. */
  readonly settingsProblems: readonly string[];
}

/** Checks the machine and the installation. */
export function machineCheck(services: MachineCheckOptions): Check {
  return {
    name: 'this machine',
    run: async () => [
      ...nativeCiphers(services),
      ...nativeChecksum(services),
      ...settings(services),
      ...(await openSecrets(services)),
      ...(await diskSpaceFindings(services)),
    ],
  };
}

function nativeCiphers({ hasNativeCrypto }: MachineCheckOptions): readonly DoctorFinding[] {
  if (hasNativeCrypto) return [];
  return [
    {
      code: 'no-native-crypto',
      severity: 'warning',
      subject: 'gateway',
      what: 'The native ciphers of the SSH server are not built for this version of Node.',
      why: 'Transfers cost two to three times the CPU.',
      whatToDo: 'Install a C++ compiler, run `npm ci`, and restart.',
    },
  ];
}

function nativeChecksum({ hasNativeCrc32c, sendsCrc32c }: MachineCheckOptions): readonly DoctorFinding[] {
  if (hasNativeCrc32c || !sendsCrc32c) return [];
  return [
    {
      code: 'no-native-checksum',
      severity: 'warning',
      subject: 'gateway',
      what: 'The package @node-rs/crc32 has no binary for this machine: uploads carry CRC-32 instead of CRC-32C.',
      why: 'Some S3 servers (Ceph) spend more CPU on CRC-32; files with a CRC-32C are compared more slowly.',
      whatToDo: 'Run `npm ci` without --omit=optional on this machine and restart, or set checksums=crc32.',
    },
  ];
}

function settings({ settingsProblems }: MachineCheckOptions): readonly DoctorFinding[] {
  return settingsProblems.map((problem) => ({
    code: 'settings',
    severity: 'warning',
    subject: 'gateway',
    what: `${problem}.`,
    why: 'The setting does not have the intended value.',
    whatToDo: 'Correct the line.',
  }));
}

async function openSecrets({
  secretPaths,
  secretDirectories,
}: MachineCheckOptions): Promise<readonly DoctorFinding[]> {
  const paths = [...secretPaths];
  for (const directory of secretDirectories) {
    for (const name of await namesIn(directory))
      if (!name.endsWith('.pub')) paths.push(join(directory, name));
  }
  const findings: DoctorFinding[] = [];
  for (const path of paths) {
    const mode = await modeOf(path);
    if (mode === null || !isOpenToOthers(mode)) continue;
    findings.push({
      code: 'secret-open',
      severity: 'error',
      subject: 'gateway',
      what: `${path} is open to other accounts of this machine (mode ${(mode & 0o777).toString(8).padStart(4, '0')}).`,
      why: 'It contains or protects secrets that only the gateway may read.',
      whatToDo: `Run chmod go= ${path}.`,
    });
  }
  return findings;
}

async function diskSpaceFindings({
  mirrorDirectory,
  mirrorReserveBytes,
}: MachineCheckOptions): Promise<readonly DoctorFinding[]> {
  let freeBytes: number;
  try {
    const { bavail, bsize } = await statfs(mirrorDirectory);
    freeBytes = bavail * bsize;
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
  if (freeBytes >= mirrorReserveBytes) return [];
  const [free, reserve] = [freeBytes, mirrorReserveBytes].map((bytes) => Math.floor(bytes / 1024 ** 2));
  return [
    {
      code: 'disk-full',
      severity: 'warning',
      subject: 'gateway',
      what: `The disk of ${mirrorDirectory} has ${free} MiB free, less than the ${reserve} MiB of mirror.reserve.`,
      why: 'Users do not get new downloads until there is enough space.',
      whatToDo: 'Free disk space, or lower mirror.reserve.',
    },
  ];
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
