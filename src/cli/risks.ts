/** What a configuration may say and probably should not: not wrong, and so no reason to refuse, but worth a line. */
import { stat } from 'node:fs/promises';
import type { Config, ListenerConfig } from '../app/config/config.ts';
import {
  asksInClear,
  clearUpstreams,
  isOpenPlain,
  isOpenToAll,
  secretFiles,
  uncheckedClaims,
} from '../app/config/weak-settings.ts';
import type { PolicySummary } from '../policy/authorization/policy-compiled.ts';

function listenerRisks(listener: ListenerConfig): string[] {
  const risks: string[] = [];
  const { name } = listener;
  if (isOpenPlain(listener)) {
    risks.push(
      `Listener ${name} is not encrypted and is reached from the network: passwords and messages can be read there.`,
    );
  }
  if (listener.anonymous) risks.push(`Listener ${name} lets clients in without a user name.`);
  return risks;
}

function chainRisks(entry: Config['authentication']['chain'][number]): string[] {
  const called = `The entry ${entry.name ?? entry.method} of authentication.chain`;
  if (asksInClear(entry)) return [`${called} asks ${entry.url} without encryption.`];
  const missing = uncheckedClaims(entry);
  return missing.length === 0
    ? []
    : [`${called} names no ${missing.join(' and no ')}: tokens for other services are taken too.`];
}

async function isOpenFile(path: string): Promise<boolean> {
  try {
    return isOpenToAll((await stat(path)).mode);
  } catch {
    // A file that is not there is somebody else's finding.
    return false;
  }
}

/** Whoever may write to the data directory may put other keys, users and bans in the place of these. */
async function directoryRisks({ dataDirectory }: Config): Promise<string[]> {
  const facts = await stat(dataDirectory).catch(() => undefined);
  if (facts === undefined || (facts.mode & 0o022) === 0) return [];
  return [
    `Other users of this machine may change what is in the data directory ${dataDirectory}: chmod go-w ${dataDirectory}`,
  ];
}

/** Of a gateway that is about to run as `uid`; whoever only looks may be somebody else. */
export async function ownerRisks(directory: string, uid: number | undefined): Promise<string[]> {
  const facts = await stat(directory).catch(() => undefined);
  if (facts === undefined || uid === undefined || facts.uid === uid) return [];
  return [
    `The data directory ${directory} belongs to user ${facts.uid}, and the gateway runs as user ${uid}: that one may change everything in it, and may not be able to read what is made now.`,
  ];
}

/** One sentence each. */
export async function risksOf(config: Config): Promise<string[]> {
  const files = secretFiles(config);
  const open = await Promise.all(files.map(isOpenFile));
  return [
    ...config.listeners.flatMap(listenerRisks),
    ...clearUpstreams(config).map(
      (name) =>
        `Upstream ${name} is reached over a network without encryption: passwords and messages can be read there.`,
    ),
    ...config.authentication.chain.flatMap(chainRisks),
    ...(await directoryRisks(config)),
    ...files
      .filter((_, index) => open[index])
      .map((file) => `Every user of this machine has access to ${file}: chmod o= ${file}`),
  ];
}

/** A condition on a listener that does not exist never holds: a deny under it denies nothing. */
export function policyRisks({ listeners, authorization }: Config, policy: PolicySummary): string[] {
  const known = new Set(listeners.map(({ name }) => name));
  return policy.listeners
    .filter(({ name }) => !known.has(name))
    .map(({ name, line }) => `${authorization.policyFile}:${line} names listener ${name}, which does not exist.`);
}
