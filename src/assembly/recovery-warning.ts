/**
 * The warning of the gateway's start and of commands for customer keys while no recovery recipient exists.
 */
export const noRecoveryWarning =
  'warning: no recovery recipient exists, so if this machine is lost, so are the SSE-C keys and all objects encrypted with them: run `sftpgw recovery init`';
