/** Asks the running gateway over its control socket how it is; exits 0 when it answers, 1 when it does not. */
import { request } from 'node:http';
import { join } from 'node:path';

const TIMEOUT_MS = 3000;

const end = (exitCode, says) => {
  if (says) process.stderr.write(`${says}\n`);
  process.exit(exitCode);
};
const socketPath = join(process.argv[2] ?? '/data', 'control.sock');
const asked = request({ socketPath, path: '/v1/status', headers: { host: 'localhost' }, timeout: TIMEOUT_MS });
asked.on('timeout', () => end(1, 'no answer in time'));
asked.on('error', (error) => end(1, error.message));
asked.on('response', ({ statusCode }) =>
  end(statusCode === 200 ? 0 : 1, statusCode === 200 ? '' : `answered ${statusCode}`),
);
asked.end();
