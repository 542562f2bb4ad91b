/** Plays a broker that costs next to nothing: it accepts everybody, and what comes after CONNECT is thrown away unread. */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:net';

const CONNACK = Buffer.of(0x20, 2, 0, 0);

createServer({ noDelay: true }, (socket) => {
  socket.once('data', () => {
    socket.write(CONNACK);
    socket.on('data', () => {});
  });
  socket.on('error', () => socket.destroy());
}).listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
