import { describeSettings } from './settings-table.js';

const lineWidth = 100;

/** The file that setup writes first: every setting with its meaning, form and default, all commented out. */
export function defaultPropertiesText(root: string): string {
  const head = [
    '# Settings of the SFTP gateway, one name=value a line. Lines that begin with # say nothing;',
    '# take the # away to set a value. A wrong line is named in the log, and the last good settings go on.',
  ];
  const entries = describeSettings(root).flatMap((setting) => [
    '',
    ...wrap(setting.description),
    ...wrap(`${sentence(setting.form)}. In the environment: ${setting.environmentVariable}.`),
    `#${setting.name}=${setting.default}`,
  ]);
  return `${[...head, ...entries].join('\n')}\n`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > lineWidth) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
