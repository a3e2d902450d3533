import { describeSettings } from './settings-table.js';

const lineWidth = 100;

/** Returns the file that setup creates: every setting with its meaning, form and default, commented out. */
export function defaultPropertiesText(root: string): string {
  const head = [
    '# Settings of the SFTP gateway, one name=value per line. Lines that begin with # are comments;',
    '# remove # to set a value. The log reports invalid lines; the last valid settings stay in force.',
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
