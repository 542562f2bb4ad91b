/** Attacked in the place of a target that is compared: takes what comes, answers as a broker would, and does nothing else. */
import { type AddressInfo, createServer } from 'node:net';

/** Of a CONNECT whose header is two bytes long, as all of the attackers' are. */
const LEVEL_AT = 8;
const LEVEL = 4;
const ACCEPTED = Buffer.from('20020000', 'hex');
const REFUSED = Buffer.from('20020005', 'hex');
const GUESSED_USER = 'admin';

/** Resolves with its port. */
export function openSink(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      if (first[LEVEL_AT] !== LEVEL) socket.destroy();
      else if (first.includes(GUESSED_USER)) socket.end(REFUSED);
      else socket.write(ACCEPTED);
    });
    socket.resume();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
