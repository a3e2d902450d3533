import { FileCache } from '../files/file-cache.js';
import { Fault } from '../model/fault.js';
import { contentLines, parseAgeRecipient } from './age.js';
import { readFault } from './disk-fault.js';

const maxFileBytes = 65_536;

const newFileText = `# Age recipients, one per line. The identity of each recipient opens every SSE-C key of the gateway.
# After a change by hand, the keys are sealed again at the gateway's next start.
`;

/** The recipients file (age(1), RECIPIENTS AND IDENTITIES: `-R`). It is read again after a change. */
export class RecoveryRecipients {
  readonly path: string;
  readonly #cache = new FileCache<{ readonly text: string }>(maxFileBytes, ({ bytes }) => ({
    text: bytes.toString('utf8'),
  }));
  #parsed: { readonly file: object; readonly recipients: readonly string[] } | null = null;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Returns the recipients without duplicates, in the order of the file; none if there is no file. Throws
   * `corrupt` with the line, `denied` or `unavailable`.
   */
  async read(): Promise<readonly string[]> {
    const file = await this.#file();
    if (file === null) return [];
    if (this.#parsed?.file === file) return this.#parsed.recipients;
    const recipients = new Set<string>();
    for (const { content, line } of contentLines(file.text)) {
      try {
        recipients.add(await parseAgeRecipient(content));
      } catch (error) {
        throw new Fault('corrupt', `${this.path} line ${line}: ${Fault.from(error).hint}`);
      }
    }
    this.#parsed = { file, recipients: [...recipients] };
    return this.#parsed.recipients;
  }

  /** Returns the file's text with this recipient appended. */
  async textWith(recipient: string): Promise<string> {
    const text = (await this.#file())?.text ?? newFileText;
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${recipient}\n`;
  }

  async #file(): Promise<{ readonly text: string } | null> {
    try {
      return await this.#cache.read(this.path);
    } catch (error) {
      throw readFault(this.path, error);
    }
  }
}
