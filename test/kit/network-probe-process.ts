/** Listens and knocks in the network it was started in, as each line of its input says; ends with its input. */
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** Dropped packets are told by nothing else than that time passes. */
const SILENT_AFTER_MS = 600;
const OPEN_AFTER_MS = 200;

interface Question {
  readonly id: number;
  readonly listen?: number;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly says: string;
}

function answer(id: number, word: string): void {
  process.stdout.write(`${JSON.stringify({ id, answer: word })}\n`);
}

function knock({ id, from, to, port, says }: Question): void {
  const socket = connect({ host: to, port, localAddress: from });
  let timer: NodeJS.Timeout;
  const say = (word: string): void => {
    clearTimeout(timer);
    socket.removeAllListeners().on('error', () => undefined);
    socket.destroy();
    answer(id, word);
  };
  timer = setTimeout(say, SILENT_AFTER_MS, 'silent');
  socket.once('connect', () => {
    clearTimeout(timer);
    // Where something was said an answer is due, and only its end or its bytes tell.
    if (says === '') timer = setTimeout(say, OPEN_AFTER_MS, 'open');
    else socket.write(Buffer.from(says, 'hex'));
  });
  socket.once('data', () => say('answered'));
  socket.once('error', () => say('closed'));
  socket.once('close', () => say('closed'));
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const question = JSON.parse(line) as Question;
    if (question.listen === undefined) knock(question);
    else {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end('.');
      });
      server.listen(question.listen, '::', () => answer(question.id, 'open'));
    }
  })
  .once('close', () => process.exit());
