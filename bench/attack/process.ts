/** A process of the attack bench, told by its argument whom to play: good clients, attackers, or what those attack instead. */
import { Attacker, type AttackPlan } from './attackers.ts';
import { GoodClients, type GoodPlan } from './good-clients.ts';
import { openSink } from './sink.ts';

export type Role =
  | { readonly role: 'good'; readonly plan: GoodPlan }
  | { readonly role: 'attack'; readonly plan: AttackPlan }
  | { readonly role: 'sink' };

async function play(given: Role): Promise<void> {
  if (given.role === 'sink') {
    process.send!(await openSink());
    return;
  }
  if (given.role === 'attack') {
    process.send!('ready');
    await new Promise((resolve) => process.once('message', resolve));
    process.send!(await new Attacker(given.plan).run());
    return;
  }
  const good = new GoodClients(given.plan);
  await good.prepare();
  process.send!('ready');
  process.on('message', (word) => {
    if (word === 'begin') good.begin();
    else void good.end().then((phase) => process.send!(phase));
  });
}

// Ends with its channel: nobody is left to hear a result.
process.once('disconnect', () => process.exit(0));
play(JSON.parse(process.argv[2]!) as Role).catch((error: Error) => {
  process.stderr.write(`attack bench: ${error.message}\n`);
  process.exit(1);
});
