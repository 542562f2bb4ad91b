/** A process that asks for what is not granted, as often as it is told to; it says `on` and `off` where it is told to begin and to stop. */
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectMany, FORBIDDEN } from './watched-gateway.ts';

/** Attackers have processors of their own elsewhere: here they yield to the gateway and to good clients. */
const NICENESS = 5;
const TURNS_A_SECOND = 50;

export interface StormOrder {
  readonly port: number;
  readonly perSecond: number;
  readonly clients: number;
}

const { port, perSecond, clients: count } = JSON.parse(process.argv[2]!) as StormOrder;
setPriority(NICENESS);
const clients = await connectMany(port, count, 'storm');
const perTurn = Math.ceil(perSecond / count / TURNS_A_SECOND);
const burst = Buffer.concat(Array.from({ length: perTurn }, () => FORBIDDEN));
let isOn = false;
let offered = 0;
process.on('message', (message: 'on' | 'off') => {
  isOn = message === 'on';
  if (!isOn) process.send?.(offered);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
for (let turn = 1, beganMs = performance.now(); ; turn++) {
  if (isOn) {
    for (const client of clients) client.sendRaw(burst);
    offered += perTurn * count;
  }
  await sleep(Math.max(0, (turn * 1000) / TURNS_A_SECOND - (performance.now() - beganMs)));
}
