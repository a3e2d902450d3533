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

/** A tar archive of these files in the `ustar` format (IEEE Std 1003.1-2017, pax, "ustar Interchange Format"), which every tar reads. */
export function tarOf(files: readonly TarFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const file of files) {
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

function headerOf({ name, content, mode, mtimeMs }: TarFile): Buffer {
  const header = Buffer.alloc(block);
  if (Buffer.byteLength(name) > 100) throw new RangeError(`the name ${name} is too long for a tar archive`);
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  header.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.byteLength, 124, 12);
  octal(Math.floor(mtimeMs / 1000), 136, 12);
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
