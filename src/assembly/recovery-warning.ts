/** What every command says that has to do with customer keys, and the gateway at its start, while no recovery recipient exists. */
export const noRecoveryWarning =
  'warning: no recovery recipient exists, so the SSE-C keys, and what rests under them, are lost with this machine: run `sftpgw recovery init`';
