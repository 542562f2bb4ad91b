/** Where brokers' data and the swap lie, and whether that is encrypted. */
import { absent, type Fact, known, type Unknown, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface StoredPlace {
  readonly path: string;
  /** The block device, or what else is mounted there, such as `overlay`. */
  readonly device: string;
  /** Undefined where it is no block device of this machine, so that only its host knows. */
  readonly isEncrypted: boolean | undefined;
}

const DATA_FOLDERS = [
  '/var/lib/mosquitto',
  '/var/lib/emqx',
  '/opt/emqx/data',
  '/opt/hivemq/data',
  '/var/lib/sallyport',
];

export interface DataStorage {
  readonly places: readonly StoredPlace[];
  /** What the machine runs in, such as `kvm` or `docker`; `none` where it is a machine of its own. */
  readonly virtualization: string;
}

/** Absent where no broker keeps data here. */
export async function collectDataStorage(system: AuditedSystem): Promise<Fact<DataStorage>> {
  const places: StoredPlace[] = [];
  for (const path of DATA_FOLDERS) {
    const status = await system.status(path);
    if (status.state === 'unknown') return status;
    if (status.state === 'absent') continue;
    const mount = await system.run('findmnt', ['-n', '-o', 'SOURCE', '-T', path]);
    if (mount.state !== 'known') return mount;
    if (mount.value.exitCode !== 0)
      return unknown('command-failed', `findmnt ended with exit code ${mount.value.exitCode}.`);
    const device = mount.value.stdout.trim().replace(/\[.*$/, '');
    const isEncrypted = await encryptionOf(system, device);
    if (typeof isEncrypted === 'object') return isEncrypted;
    places.push({ path, device, isEncrypted });
  }
  if (places.length === 0) return absent('the data folders of brokers');
  const virtualization = await system.run('systemd-detect-virt', []);
  const name = virtualization.state === 'known' ? virtualization.value.stdout.trim() : '';
  return known({ places, virtualization: name === '' ? 'unknown' : name }, 'findmnt and lsblk');
}

interface BlockDevice {
  readonly type?: unknown;
  readonly children?: unknown;
}

/** Whether a layer below the device encrypts; undefined for what is no block device. */
async function encryptionOf(system: AuditedSystem, device: string): Promise<boolean | undefined | Unknown> {
  if (!device.startsWith('/dev/')) return undefined;
  const output = await system.run('lsblk', ['-J', '-s', '-o', 'NAME,TYPE', device]);
  if (output.state !== 'known') return output.state === 'unknown' ? output : undefined;
  if (output.value.exitCode !== 0) return undefined;
  try {
    const { blockdevices } = JSON.parse(output.value.stdout) as { blockdevices?: unknown };
    return hasCrypt(blockdevices, 0);
  } catch {
    return unknown('malformed', 'lsblk printed no JSON.');
  }
}

function hasCrypt(devices: unknown, depth: number): boolean {
  return (
    Array.isArray(devices) &&
    depth < 16 &&
    (devices as BlockDevice[]).some((device) => device?.type === 'crypt' || hasCrypt(device?.children, depth + 1))
  );
}

/** Swap that is not in memory. */
export async function collectSwap(system: AuditedSystem): Promise<Fact<readonly StoredPlace[]>> {
  if (!system.isLive) return unknown('not-running', 'An image swaps nothing.');
  const text = await system.readText('/proc/swaps');
  if (text.state !== 'known') return text;
  const places: StoredPlace[] = [];
  for (const line of text.value.split('\n').slice(1)) {
    const [path = '', type] = line.trim().split(/\s+/);
    if (path === '' || /zram/.test(path)) continue;
    let device = path;
    if (type === 'file') {
      const mount = await system.run('findmnt', ['-n', '-o', 'SOURCE', '-T', path]);
      if (mount.state === 'unknown') return mount;
      if (mount.state === 'known') device = mount.value.stdout.trim();
    }
    const isEncrypted = await encryptionOf(system, device);
    if (typeof isEncrypted === 'object') return isEncrypted;
    places.push({ path, device, isEncrypted });
  }
  return known(places, '/proc/swaps');
}
