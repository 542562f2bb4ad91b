/** What the journal takes, and how fast it is verified. */
import path from 'node:path';
import { PUBLIC_KEY_FILE, readVerifyingKey } from '../../src/app/observability/journal/signing-key.ts';
import { verifyJournal } from '../../src/app/observability/journal/verify.ts';
import { openJournal } from '../../src/app/observability/journal/writer.ts';
import { systemClock } from '../../src/base/clock.ts';
import { removeDirectory, temporaryDirectory } from '../../test/kit/process.ts';
import { say } from './figures.ts';
import { IS_SMOKE } from './settings.ts';

const RECORDS = IS_SMOKE ? 2000 : 300_000;

export async function journal(): Promise<void> {
  const directory = await temporaryDirectory('journal-bench');
  const writer = await openJournal({
    directory,
    clock: systemClock,
    emit: () => undefined,
    version: 'bench',
    syncIntervalMs: 1000,
    segmentMaxBytes: 64 * 1024 * 1024,
    segmentMaxAgeMs: 86_400_000,
    keepForMs: 86_400_000,
    keepMaxBytes: 16 * 1024 ** 3,
  });
  const content = {
    name: 'publish.refused',
    connectionId: 'c1',
    listener: 'mqtts',
    address: '192.0.2.9',
    port: 4711,
    clientId: 'pump-7',
    username: 'device1',
    topic: 'devices/pump-8/set',
    qos: 1,
    retain: false,
    action: 'refused',
    reason: 0x87,
    by: 'acl:/etc/sallyport/acl:7',
    says: 'no line grants it',
  };
  const beganMs = performance.now();
  const beganCpu = process.cpuUsage();
  for (let done = 0; done < RECORDS; done += 20_000) {
    for (let i = 0; i < Math.min(20_000, RECORDS - done); i++) writer.append('event', content);
    await writer.flush();
  }
  const appendS = (performance.now() - beganMs) / 1000;
  const appendCpuS = cpuSecondsSince(beganCpu);
  const { bytes } = writer.stats();
  await writer.close();
  const verifyBeganMs = performance.now();
  const verifyBeganCpu = process.cpuUsage();
  const { problems } = await verifyJournal(directory, await readVerifyingKey(path.join(directory, PUBLIC_KEY_FILE)));
  if (problems.length > 0) throw new Error(`the journal has ${problems.length} problems`);
  const verifyS = (performance.now() - verifyBeganMs) / 1000;
  const verifyCpuS = cpuSecondsSince(verifyBeganCpu);
  const megabytes = bytes / 1e6;
  say(`the journal, ${RECORDS} records, ${megabytes.toFixed(0)} MB:`);
  say(
    `  appended and synced: ${Math.round(RECORDS / appendS)} records a second, ${Math.round(RECORDS / appendCpuS)} a second of processor`,
  );
  say(
    `  verified: ${Math.round((megabytes / verifyS) * 60)} MB a minute, ${Math.round((megabytes / verifyCpuS) * 60)} a minute of processor`,
  );
  await removeDirectory(directory);
}

function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
