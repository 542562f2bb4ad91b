import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SILENT } from '../app/control/client.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { readEvents } from './event-reader.ts';

it('a gateway that takes the question for events and says nothing is not waited for without end', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-silent-'));
  const path = join(directory, 'control.sock');
  const server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const clock = new ManualClock();
  const connected = once(server, 'connection');
  const end = readEvents(path, {}, undefined, () => assert.fail(), clock);
  await connected;
  clock.advance(60_000);
  assert.deepEqual(await end, { kind: 'failed', says: SILENT });
});
