/** Asks the running gateway over its control socket how it is; exits 0 when it answers, 1 when it does not. */
import { connect } from 'node:net';
import { join } from 'node:path';

const TIMEOUT_MS = 3000;

const socket = connect(join(process.argv[2] ?? '/data', 'control.sock'));
const end = (exitCode, says) => {
  if (says) process.stderr.write(`${says}\n`);
  process.exit(exitCode);
};
let answer = '';
socket.setEncoding('utf8');
socket.setTimeout(TIMEOUT_MS, () => end(1, 'no answer in time'));
socket.on('connect', () => socket.write('{"v":1,"do":"status"}\n'));
socket.on('error', (error) => end(1, error.message));
socket.on('data', (text) => {
  answer += text;
});
socket.on('end', () => {
  try {
    end(JSON.parse(answer).ok === true ? 0 : 1);
  } catch {
    end(1, 'not an answer');
  }
});
