/** A load process: told by its argument what to do, so that what the load costs is not charged to whom it measures. */
import { Flood } from './flood.ts';
import { Handshakes } from './handshakes.ts';
import { Idle } from './idle.ts';
import { Paced } from './paced.ts';
import type { LoadPlan } from './plan.ts';
import { Soak } from './soak.ts';
import { Storm } from './storm.ts';

interface Load {
  prepare(): Promise<void>;
  run(): Promise<unknown>;
}

function loadOf(plan: LoadPlan): Load {
  switch (plan.kind) {
    case 'flood':
      return new Flood(plan);
    case 'paced':
      return new Paced(plan);
    case 'idle':
      return new Idle(plan);
    case 'handshakes':
      return new Handshakes(plan);
    case 'storm':
      return new Storm(plan);
    case 'soak':
      return new Soak(plan);
  }
}

async function main(): Promise<void> {
  const load = loadOf(JSON.parse(process.argv[2]!) as LoadPlan);
  await load.prepare();
  process.send!('ready');
  await new Promise<void>((resolve) => process.once('message', () => resolve()));
  process.send!(await load.run());
}

// Ends with its channel: nobody is left to hear a result.
process.once('disconnect', () => process.exit(0));
main().catch((error: Error) => {
  process.stderr.write(`load: ${error.message}\n`);
  process.exit(1);
});
