/** Everything that is collected of a host, all at once: the facts that the families U, S, A and H judge. */
import type { AuditFile } from '../audit-file/schema.ts';
import { type Fact, unknown } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { collectAccounts, collectEmptyPasswords, collectPasswordRules, collectSudo } from './accounts.ts';
import { collectAptConfig, collectAptIndexes, collectAptSources, collectSecurityUpdates } from './apt.ts';
import { collectBrokerFiles } from './broker-files.ts';
import { collectBrokerProcesses } from './broker-processes.ts';
import { collectBrokerPrograms } from './broker-programs.ts';
import { collectConfiguredListeners } from './configured-listeners.ts';
import { collectPackages } from './dpkg.ts';
import { collectFail2ban } from './fail2ban.ts';
import { collectBootFirewall, collectFirewall } from './firewall/collect-firewall.ts';
import { collectIpv6 } from './ipv6.ts';
import { collectKernels } from './kernel.ts';
import { collectConfinement, collectFileLimits, collectSysctls } from './kernel-settings.ts';
import { collectAuditRules, collectLogging, collectLynisReport, collectTimeSync } from './logging.ts';
import { collectOsRelease } from './os-release.ts';
import { collectProcessNames } from './processes.ts';
import { collectSockets } from './sockets.ts';
import { collectSshd } from './sshd.ts';
import { collectDataStorage, collectSwap } from './storage.ts';
import { collectConfiguredTls } from './tls/configured-tls.ts';
import { collectBrokerLibraries } from './tls/mapped-libraries.ts';
import { collectOpensslPolicy } from './tls/openssl-policy.ts';
import { collectCertificateUse } from './tls/shared-certificates.ts';
import { collectBrokerUnits } from './units.ts';

type Collector<T> = (system: AuditedSystem) => Promise<Fact<T>>;

const COLLECTORS = {
  os: collectOsRelease,
  packages: collectPackages,
  aptIndexes: collectAptIndexes,
  securityUpdates: async (system: AuditedSystem) => collectSecurityUpdates(system, await collectPackages(system)),
  aptConfig: collectAptConfig,
  aptSources: collectAptSources,
  brokerProcesses: collectBrokerProcesses,
  brokerPrograms: collectBrokerPrograms,
  kernels: collectKernels,
  sockets: collectSockets,
  processNames: collectProcessNames,
  configuredListeners: collectConfiguredListeners,
  firewall: collectFirewall,
  bootFirewall: collectBootFirewall,
  ipv6: collectIpv6,
  sshd: collectSshd,
  fail2ban: collectFail2ban,
  accounts: collectAccounts,
  emptyPasswords: collectEmptyPasswords,
  passwordRules: collectPasswordRules,
  sudo: collectSudo,
  brokerFiles: collectBrokerFiles,
  brokerUnits: collectBrokerUnits,
  sysctls: collectSysctls,
  confinement: collectConfinement,
  fileLimits: collectFileLimits,
  dataStorage: collectDataStorage,
  swap: collectSwap,
  logging: collectLogging,
  auditRules: collectAuditRules,
  timeSync: collectTimeSync,
  lynisReport: collectLynisReport,
  opensslPolicy: collectOpensslPolicy,
  brokerLibraries: collectBrokerLibraries,
  configuredTls: collectConfiguredTls,
  certificateUse: collectCertificateUse,
};

type Collectors = typeof COLLECTORS;

export type HostFacts = {
  readonly [Name in keyof Collectors]: Awaited<ReturnType<Collectors[Name]>>;
} & {
  /** When they were collected, since the Unix epoch. */
  readonly nowMs: number;
  readonly declared: AuditFile;
};

/** A collector that throws is a bug of ours: its fact is unknown, and the others are not touched. */
async function collectSafely(
  name: string,
  collector: Collector<unknown>,
  system: AuditedSystem,
): Promise<Fact<unknown>> {
  try {
    return await collector(system);
  } catch (error) {
    return unknown(
      'unreadable',
      `Collecting ${name} failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

export async function collectHost({ system, clock, declared }: AuditContext): Promise<HostFacts> {
  const entries = Object.entries(COLLECTORS).map(
    async ([name, collector]) => [name, await collectSafely(name, collector, system)] as const,
  );
  return { ...Object.fromEntries(await Promise.all(entries)), nowMs: clock.epochMs(), declared } as HostFacts;
}
