/** Runs programs in a network of their own, where every port is free and nothing leaves the machine. */
import { spawnSync } from 'node:child_process';

/** The loopback interface of a new network is down. */
const LOOPBACK_UP = 'ip link set lo up && exec "$@"';

/** For tests that need one: why they are skipped, or false. */
export const withoutNetworks: string | false =
  spawnSync('unshare', ['--net', 'sh', '-c', LOOPBACK_UP, 'sh', 'true']).status === 0
    ? false
    : 'no network namespaces here (they want root, util-linux and iproute2)';

/** The command with its arguments, in a new network; its process is the command's own. */
export function inOwnNetwork(...command: string[]): [string, string[]] {
  return ['unshare', ['--net', 'sh', '-c', LOOPBACK_UP, 'sh', ...command]];
}

/** In the network of that process. */
export function inNetworkOf(pid: number, ...command: string[]): [string, string[]] {
  return ['nsenter', [`--net=/proc/${pid}/ns/net`, ...command]];
}
