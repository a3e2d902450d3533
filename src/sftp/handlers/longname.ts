import type { Attributes, FileType } from '../../model/vfs.js';

const typeLetter: Record<FileType, string> = { file: '-', directory: 'd', symlink: 'l' };
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Max age for which the time is shown. POSIX ls shows the year for a time older than about six months or in
 * the future.
 */
const recentSeconds = (365 * 24 * 60 * 60) / 2;

function modeText({ type, mode }: Attributes): string {
  const bits = [0, 1, 2]
    .map((shift) => {
      const triple = (mode >> (6 - 3 * shift)) & 7;
      const special = (mode >> (11 - shift)) & 1;
      const execute = triple & 1;
      const [withExecute, without] = shift === 2 ? ['t', 'T'] : ['s', 'S'];
      const last = special ? (execute ? withExecute : without) : execute ? 'x' : '-';
      return `${triple & 4 ? 'r' : '-'}${triple & 2 ? 'w' : '-'}${last}`;
    })
    .join('');
  return typeLetter[type] + bits;
}

function timeText(seconds: number, nowSeconds: number): string {
  const time = new Date(seconds * 1000);
  const day = `${months[time.getMonth()] ?? ''} ${String(time.getDate()).padStart(2)}`;
  if (seconds > nowSeconds || seconds < nowSeconds - recentSeconds) return `${day}  ${time.getFullYear()}`;
  const two = (part: number) => String(part).padStart(2, '0');
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/**
 * Returns the line that `ls -l` would print, in the format of OpenSSH's ls_file. draft-ietf-secsh-filexfer-02
 * section 7 recommends it, and clients parse it. Times are in the time zone of the process.
 */
export function longname(name: string, attributes: Attributes, owner: string, nowSeconds: number): string {
  const who = owner.padEnd(8);
  const size = String(attributes.size).padStart(8);
  return `${modeText(attributes)}    1 ${who} ${who} ${size} ${timeText(attributes.mtimeSeconds, nowSeconds)} ${name}`;
}
