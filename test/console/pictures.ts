import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { View, Visit } from '../support/browser.js';

const project = join(import.meta.dirname, '../..');
/** The directory with pictures of all pages, for people to review. */
const reports = process.env['SFTPGW_TEST_PICTURES'] ?? join(project, 'reports/console');
/** The directory with those of docs/CONSOLE.md. */
const pages = join(project, 'docs/pictures');
const maxPictureBytes = 80_000;

/** True if the pictures of the documentation are written. */
export const isForDocs = process.env['SFTPGW_DOCS'] === 'write';

/** Keeps a picture of the page for review. */
export async function takePicture({ page }: Visit, { width, scheme }: View, name: string): Promise<void> {
  mkdirSync(reports, { recursive: true });
  await page.screenshot({ path: join(reports, `${name}-${width}-${scheme}.png`) });
}

/** Writes a picture of the documentation, of this height in pixels. */
export async function takeDocsPicture({ page }: Visit, name: string, height: number): Promise<void> {
  const width = page.viewportSize()?.width ?? 0;
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', {
    format: 'webp',
    quality: 75,
    clip: { x: 0, y: 0, width, height, scale: 1 },
  });
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length > maxPictureBytes) throw new Error(`the picture ${name} has ${bytes.length} bytes`);
  mkdirSync(pages, { recursive: true });
  writeFileSync(join(pages, `${name}.webp`), bytes);
}
