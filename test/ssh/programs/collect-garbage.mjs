// Loaded into a gateway whose memory is measured. SIGUSR2 collects the garbage.
import { setImmediate as turn } from 'node:timers/promises';

process.on('SIGUSR2', async () => {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    await turn();
  }
  console.error('garbage collected');
});
