import { setImmediate } from 'node:timers/promises';
import { Fault } from '../model/fault.js';

/** A file in a tar archive. */
export interface TarFile {
  /** At most 100 bytes. */
  readonly name: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  readonly mtimeMs: number;
}

const block = 512;
const maxNameBytes = 100;
const magic = 'ustar\u0000';

/** Files packed in one turn of the event loop, about 5 ms. */
const filesPerTurn = 256;

/**
 * Returns a tar archive of these files in the `ustar` format (IEEE Std 1003.1-2017, pax, "ustar
 * Interchange Format"), which every tar reads. Lets other work run between groups of files. Rejects with a `RangeError`
 * for a name that is too long.
 */
export async function packTar(files: readonly TarFile[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const [index, file] of files.entries()) {
    if (index % filesPerTurn === filesPerTurn - 1) await setImmediate();
    parts.push(
      headerOf(file),
      file.content,
      Buffer.alloc((block - (file.content.byteLength % block)) % block),
    );
  }
  // Two blocks of zeros end the archive.
  parts.push(Buffer.alloc(2 * block));
  return Buffer.concat(parts);
}

/**
 * Returns the files of an archive that `packTar` made. Throws `corrupt` for any other or incomplete
 * archive.
 */
export function readTar(archive: Buffer): readonly TarFile[] {
  const files: TarFile[] = [];
  let at = 0;
  for (;;) {
    const header = archive.subarray(at, at + block);
    if (header.byteLength < block) throw new Fault('corrupt', 'the archive is incomplete');
    if (header.every((byte) => byte === 0)) return files;
    const { size, ...file } = readHeader(header);
    at += block;
    const content = archive.subarray(at, at + size);
    if (content.byteLength < size)
      throw new Fault('corrupt', `the archive is incomplete: it ends within ${file.name}`);
    files.push({ ...file, content });
    at += size + ((block - (size % block)) % block);
  }
}

// Offsets of the fields of a header.
const modeAt = 100;
const sizeAt = 124;
const mtimeAt = 136;
const checksumAt = 148;
const typeAt = 156;
const magicAt = 257;

function readHeader(header: Buffer): Omit<TarFile, 'content'> & { readonly size: number } {
  const octal = (at: number, length: number): number => {
    const text = header.toString('latin1', at, at + length - 1);
    if (!/^[0-7]+$/.test(text)) throw new Fault('corrupt', 'the archive is damaged');
    return Number.parseInt(text, 8);
  };
  // Returns the sum of all bytes, counting those of the checksum field as blanks.
  const sum = header.reduce((total, byte, at) => total + (at >= checksumAt && at < typeAt ? 0x20 : byte), 0);
  const end = header.indexOf(0);
  const name = header.toString('utf8', 0, end === -1 ? maxNameBytes : Math.min(end, maxNameBytes));
  const isOurs =
    header.toString('latin1', magicAt, magicAt + magic.length) === magic &&
    header[typeAt] === 0x30 &&
    name !== '';
  if (!isOurs || header.toString('latin1', checksumAt, typeAt) !== checksumField(sum)) {
    throw new Fault('corrupt', 'the archive is damaged or has another format');
  }
  return { name, size: octal(sizeAt, 12), mode: octal(modeAt, 8), mtimeMs: octal(mtimeAt, 12) * 1000 };
}

function headerOf({ name, content, mode, mtimeMs }: TarFile): Buffer {
  const header = Buffer.alloc(block);
  if (Buffer.byteLength(name) > maxNameBytes)
    throw new RangeError(`the name ${name} is too long for a tar archive`);
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  header.write(name, 0);
  octal(mode, modeAt, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.byteLength, sizeAt, 12);
  octal(Math.floor(mtimeMs / 1000), mtimeAt, 12);
  header.write('        ', checksumAt, 'latin1');
  header.write('0', typeAt, 'latin1');
  header.write(`${magic}00`, magicAt, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(checksumField(sum), checksumAt, 'latin1');
  return header;
}

function checksumField(sum: number): string {
  return `${sum.toString(8).padStart(6, '0')}\0 `;
}
