/** The first descriptor behind stdin, stdout and stderr: SD_LISTEN_FDS_START of sd_listen_fds(3). */
const firstPassed = 3;
/** Names the descriptor for a child, whose process id its parent cannot know before. */
export const passedSocketVariable = 'SFTPGW_LISTEN_FD';

/**
 * Returns the descriptor of the listening socket that systemd has passed to this process, as sd_listen_fds(3)
 * describes. Returns null without one.
 */
export function passedSocket(env: NodeJS.ProcessEnv, pid: number): number | null {
  if (env[passedSocketVariable] === String(firstPassed)) return firstPassed;
  return env['LISTEN_PID'] === String(pid) && Number(env['LISTEN_FDS']) >= 1 ? firstPassed : null;
}
