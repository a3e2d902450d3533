import { FileCache } from '../files/file-cache.js';
import { Fault } from '../model/fault.js';
import { contentLines, parseAgeRecipient } from './age.js';
import { readFault } from './disk-fault.js';

const maxFileBytes = 65_536;

const newFileText = `# Whoever holds an identity of these age recipients opens every SSE-C key of the gateway. One a line.
# A line that is added or taken away by hand counts at the gateway's next start.
`;

/** The recipients file (age(1), RECIPIENTS AND IDENTITIES: `-R`), read again when it changes. */
export class RecoveryRecipients {
  readonly path: string;
  readonly #cache = new FileCache<{ readonly text: string }>(maxFileBytes, ({ bytes }) => ({
    text: bytes.toString('utf8'),
  }));
  #parsed: { readonly file: object; readonly recipients: readonly string[] } | null = null;

  constructor(path: string) {
    this.path = path;
  }

  /** Each once, in the order of the file; empty without one. Throws `corrupt`, naming the line, `denied`, `unavailable`. */
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

  /** The file's text with this recipient added; what is there stays. */
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
