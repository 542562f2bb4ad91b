/** Looks into the files that a configuration names, with the very parsers that a start uses, and gathers all that is wrong. */
import { stat } from 'node:fs/promises';
import { loadAuthorization } from '../app/authorization-files.ts';
import { CertificateGuards } from '../app/certificates/certificate-guards.ts';
import { Staples } from '../app/certificates/staples.ts';
import type { Config } from '../app/config/config.ts';
import { OperatorError } from '../app/config/problem.ts';
import { readSecret } from '../app/config/secret.ts';
import { secretPlaces } from '../app/config/weak-settings.ts';
import { backendMethod } from '../app/identity-backends/backend-methods.ts';
import type { IdentityServices } from '../app/identity-services.ts';
import { jwtMethod } from '../app/jwt-entry-method.ts';
import { KeySets } from '../app/key-sets.ts';
import { listenerOptions } from '../app/listener-files.ts';
import { readTotpUsers } from '../app/second-factor-file.ts';
import { readText } from '../app/text-file.ts';
import { upstreamOptions } from '../app/upstream-files.ts';
import { systemChance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import { FileFaultError } from '../base/file-fault.ts';
import type { PolicyProgress } from '../policy/authorization/policy-build.ts';
import type { PolicySummary } from '../policy/authorization/policy-compiled.ts';
import { HashQueue } from '../policy/identity/hash-queue.ts';
import { parsePasswordFile } from '../policy/identity/password-file.ts';
import { parseScramFile } from '../policy/identity/scram-file.ts';
import { ListenerError, placed } from '../transports/listener-error.ts';
import { settle } from '../transports/listener-options.ts';
import { loadTls } from '../transports/tls-context.ts';

export interface Finding {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Whole sentence, with the place where there is one. */
  readonly says: string;
}

function findingsOf(error: unknown): Finding[] {
  if (error instanceof FileFaultError) {
    return error.faults.map(({ file, line, column, says, cure }) => ({ file, line, column, says: `${says} ${cure}` }));
  }
  if (error instanceof OperatorError || error instanceof ListenerError) return [{ says: error.message }];
  throw error;
}

async function checkText(
  file: string,
  what: string,
  cure: string,
  parse: (text: string, file: string) => unknown,
): Promise<Finding[]> {
  return attempt(async () => parse(await readText(file, what, cure), file));
}

async function checkListener(listener: Config['listeners'][number], config: Config, clock: Clock): Promise<Finding[]> {
  try {
    const options = await listenerOptions(listener);
    settle(options);
    if (options.tls !== undefined) loadTls(options.name, options.tls, clock.epochMs());
    const services = { clock, chance: systemChance, emit: () => undefined, recheck: () => undefined };
    new Staples(services).prepare([options]);
    const alone = { ...config, listeners: [listener] };
    await new CertificateGuards(services).prepare(alone, () => options.tls?.clientCaPem);
    return [];
  } catch (error) {
    return findingsOf(placed(error, listener.place));
  }
}

/**
 * What each method of the chain reads; stores that a running gateway has open are left alone. Servers are not asked, and keys
 * not fetched: that they are away just now is no fault of the configuration.
 */
async function checkIdentity({ authentication }: Config, clock: Clock): Promise<Finding[]> {
  const { chain, passwordFile } = authentication;
  const keySets = new KeySets({ clock, emit: () => undefined });
  const services: IdentityServices = {
    queue: new HashQueue({ clock, emit: () => undefined }),
    clock,
    chance: systemChance,
    emit: () => undefined,
    keySets,
    onUsersChanged: () => undefined,
  };
  const isOnly = chain.filter(({ method }) => method === 'jwt').length === 1;
  const found = await Promise.all(
    chain.map(async (entry): Promise<Finding[]> => {
      if (entry.method === 'password-file')
        return checkText(passwordFile, 'password file', '`sallyport passwd add NAME` makes it', parsePasswordFile);
      if (entry.method === 'scram' && entry.store === 'file')
        return checkText(entry.file, 'SCRAM file', '`sallyport passwd add NAME --scram` makes it', parseScramFile);
      if (entry.method === 'jwt') return attempt(() => jwtMethod(entry, { isOnly }, { clock, keySets }));
      if (
        entry.method === 'webhook' ||
        entry.method === 'ldap' ||
        entry.method === 'postgresql' ||
        entry.method === 'redis'
      ) {
        return attempt(async () => (await backendMethod(entry, services)).close?.());
      }
      return [];
    }),
  );
  return found.flat();
}

async function attempt(work: () => Promise<unknown>): Promise<Finding[]> {
  try {
    await work();
    return [];
  } catch (error) {
    return findingsOf(error);
  }
}

type OnProgress = (progress: PolicyProgress) => void;

async function checkAuthorization(
  config: Config,
  clock: Clock,
  onProgress: OnProgress | undefined,
): Promise<{ findings: Finding[]; policy?: PolicySummary }> {
  try {
    const { policy } = await loadAuthorization(config, clock, onProgress);
    return { findings: [], ...(policy === undefined ? {} : { policy }) };
  } catch (error) {
    return { findings: findingsOf(error) };
  }
}

export interface Checked {
  readonly findings: readonly Finding[];
  /** What the policy comes to, where there is one and it is right. */
  readonly policy?: PolicySummary;
}

/** `onProgress` hears how far a large policy has come. */
export async function deepCheck(config: Config, clock: Clock, onProgress?: OnProgress): Promise<Checked> {
  const [authorization, ...found] = await Promise.all([
    checkAuthorization(config, clock, onProgress),
    checkIdentity(config, clock),
    attempt(() => readTotpUsers(config)),
    ...config.listeners.map((listener) => checkListener(listener, config, clock)),
    ...config.upstreams.map(checkUpstream),
    ...secretPlaces(config).map((file) => attempt(() => readSecret({ file }, process.env))),
    checkEndpoints(config),
    attempt(() => checkDataDirectory(config)),
  ]);
  // Two listeners that share a certificate would say the same of it twice.
  const seen = new Set<string>();
  const findings = [...authorization.findings, ...found.flat()].filter((finding) => {
    const mark = `${finding.file}:${finding.line}:${finding.column}:${finding.says}`;
    return !seen.has(mark) && seen.add(mark);
  });
  return { findings, ...(authorization.policy === undefined ? {} : { policy: authorization.policy }) };
}

/** What is served beside MQTT, where it is: loaded only then. */
async function checkEndpoints({ control, metrics }: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  if (control.port !== undefined) {
    const { readMaterial } = await import('../app/control/https-listener.ts');
    found.push(...(await attempt(() => readMaterial(control))));
  }
  if (metrics.port !== undefined) {
    const { checkMetricsFiles } = await import('../app/observability/metrics/metrics-endpoint.ts');
    found.push(...(await attempt(() => checkMetricsFiles(metrics))));
  }
  return found;
}

/** A start makes it where it is not there yet. */
async function checkDataDirectory({ dataDirectory }: Config): Promise<void> {
  const facts = await stat(dataDirectory).catch(() => undefined);
  if (facts === undefined || facts.isDirectory()) return;
  throw new OperatorError(`${dataDirectory} (dataDirectory) is no directory: name one.`);
}

async function checkUpstream(upstream: Config['upstreams'][number]): Promise<Finding[]> {
  try {
    await upstreamOptions(upstream);
    return [];
  } catch (error) {
    return findingsOf(error);
  }
}

export function formatFinding({ file, line, column, says }: Finding): string {
  return file === undefined || line === undefined ? says : `${file}:${line}:${column}: ${says}`;
}
