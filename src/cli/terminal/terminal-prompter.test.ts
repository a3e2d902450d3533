import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TerminalPrompter } from './terminal-prompter.js';

/**
 * The keyboard and the screen of a terminal in raw mode: what is typed appears only if the program
 * writes it.
 */
class Terminal extends PassThrough {
  raw = false;
  shown = '';
  readonly screen = new PassThrough().on('data', (chunk: Buffer) => {
    this.shown += chunk.toString();
  });

  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
}

describe('a prompter on a terminal', () => {
  let terminal: Terminal;
  let prompter: TerminalPrompter;
  beforeEach(() => {
    terminal = new Terminal();
    prompter = new TerminalPrompter(terminal, terminal.screen);
  });
  afterEach(() => prompter.close());

  it('shows typed text and accepts corrections', async () => {
    const answer = prompter.ask('Name: ');
    terminal.write('bax\x7fn');
    terminal.write('k\r');
    expect(await answer).toBe('bank');
    expect(terminal.shown).toContain('Name: ');
    expect(terminal.shown).toContain('ba');
  });

  it('never shows a secret, not even with the arrow keys', async () => {
    const secret = prompter.askSecret('Key: ');
    terminal.write('s3cr3t');
    terminal.write('\x7fT\r');
    expect(await secret).toBe('s3cr3T');
    const next = prompter.ask('Name: ');
    terminal.write('\x1b[A\x1b[Abob\r');
    expect(await next).toBe('bob');
    expect(terminal.shown).not.toMatch(/s3|cr3/);
    expect(terminal.shown).toContain('Key: \nName: ');
  });

  it.each([
    ['\r', 'a terminal'],
    ['\n', 'a pipe'],
    ['\r\n', 'Windows'],
  ])('keeps lines pasted ahead for the questions they answer (%j, as from %s)', async (end) => {
    terminal.write(`n${end}hidden-key${end}yes${end}`);
    expect(await prompter.ask('One? ')).toBe('n');
    expect(await prompter.askSecret('Two? ')).toBe('hidden-key');
    expect(await prompter.ask('Three? ')).toBe('yes');
    expect(terminal.shown).not.toContain('hidden');
  });

  it('separates lines that arrive quickly', async () => {
    const first = prompter.ask('One? ');
    terminal.write('n\r');
    terminal.write('hidden-key\r');
    expect(await first).toBe('n');
    expect(await prompter.askSecret('Two? ')).toBe('hidden-key');
    expect(terminal.shown).not.toContain('hidden');
  });

  it.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('is cancelled by %s', async (_, key) => {
    const answer = prompter.ask('Name: ');
    terminal.write(key);
    await expect(answer).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('is cancelled if the terminal closes, also for later questions', async () => {
    const answer = prompter.ask('Name: ');
    terminal.end();
    await expect(answer).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(prompter.ask('Name: ')).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('restores the terminal', async () => {
    expect(terminal.raw).toBe(true);
    prompter.close();
    expect(terminal.raw).toBe(false);
    expect(terminal.listenerCount('data')).toBe(0);
    if (!terminal.isPaused()) await once(terminal, 'pause');
  });
});
