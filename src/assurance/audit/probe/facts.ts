/** Probes an endpoint: all that family P judges, each part by itself, the slow ones beside the others. */
import { systemChance } from '../../../base/chance.ts';
import type { Profile } from '../audit-file/schema.ts';
import { type Fact, unknown } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';
import type { Target } from '../model/target.ts';
import {
  type ClientIdAnswers,
  probeClientIds,
  probeMalformed,
  probePacketLimit,
  probeProxyHeader,
  probeSilence,
} from './abuse-probes.ts';
import {
  type AnonymousAnswers,
  probeAnonymous,
  probeAnyPassword,
  probeDefaultCredentials,
  probeKeepAlive,
  probeOrigin,
  probeThrottling,
  probeWithoutCertificate,
  type Throttling,
} from './access-probes.ts';
import { ProbeBudget } from './budget.ts';
import { endpointOf, type ProbeEndpoint } from './endpoint.ts';
import { type Answer, ProbeSession } from './session.ts';
import { probeInheritance, probeTakeover, probeWill, type WillOutcome } from './session-probes.ts';
import {
  type PublishOutcome,
  probeControlWrite,
  probePublish,
  probeReadable,
  probeRetained,
  probeSys,
  type SysOutcome,
} from './topic-probes.ts';

export interface ProbeFacts {
  readonly endpoint: ProbeEndpoint;
  readonly profile: Profile;
  readonly anonymous: Fact<AnonymousAnswers>;
  readonly anyPassword: Fact<Answer>;
  /** User names of vendors' defaults that were let in. */
  readonly defaults: Fact<readonly string[]>;
  /** Filters through which somebody else's message came. */
  readonly readable: Fact<readonly string[]>;
  readonly sys: Fact<SysOutcome>;
  readonly published: Fact<PublishOutcome>;
  readonly control: Fact<Readonly<Record<string, Answer>>>;
  readonly retained: Fact<boolean>;
  /** Bytes; 0 where a packet of any size seems to be taken. */
  readonly packetLimit: Fact<number>;
  /** Whether the one who was there first was put out. */
  readonly takeover: Fact<boolean>;
  readonly inheritance: Fact<boolean>;
  readonly throttling: Fact<Throttling>;
  /** Seconds until a silent connection was closed; `later` than the patience. */
  readonly silence: Fact<number | 'later'>;
  /** Server Keep Alive in answer to none; undefined where there is none. */
  readonly keepAlive: Fact<number | undefined>;
  readonly clientIds: Fact<ClientIdAnswers>;
  readonly withoutCertificate: Fact<Answer>;
  readonly will: Fact<WillOutcome>;
  /** Malformed packets that were not refused. */
  readonly malformed: Fact<readonly string[]>;
  readonly foreignOrigin: Fact<boolean>;
  readonly proxyHeader: Fact<boolean>;
}

type Probe<T> = (session: ProbeSession) => Promise<Fact<T>>;

export async function collectProbe(target: Target, context: AuditContext): Promise<ProbeFacts> {
  const endpoint = await endpointOf(target.place, target.options ?? {});
  const { clock, signal, declared } = context;
  const session = new ProbeSession(endpoint, { clock, signal, chance: systemChance, budget: new ProbeBudget() });
  const run = <T>(probe: Probe<T>): Promise<Fact<T>> => safely(() => probe(session));
  const active = <T>(probe: Probe<T>): Promise<Fact<T>> =>
    endpoint.isActive
      ? run(probe)
      : Promise.resolve(unknown('consent-missing', 'It would publish, or try passwords: say --active.'));
  const slow = { silence: run(probeSilence), sys: run(probeSys) };
  const facts = {
    anonymous: await run(probeAnonymous),
    anyPassword: await run(probeAnyPassword),
    keepAlive: await run(probeKeepAlive),
    withoutCertificate: await run(probeWithoutCertificate),
    foreignOrigin: await run(probeOrigin),
    packetLimit: await run(probePacketLimit),
    readable: await active(probeReadable),
    published: await active(probePublish),
    control: await active(probeControlWrite),
    retained: await active(probeRetained),
    takeover: await active(probeTakeover),
    inheritance: await active(probeInheritance),
    clientIds: await active(probeClientIds),
    will: await active(probeWill),
    malformed: await active(probeMalformed),
    proxyHeader: await active(probeProxyHeader),
    defaults: await active(probeDefaultCredentials),
    // Last: where it succeeds, this address is let in no more.
    throttling: await active(probeThrottling),
  };
  return { endpoint, profile: declared.profile, ...facts, silence: await slow.silence, sys: await slow.sys };
}

/** A probe that breaks is a bug of ours, and says nothing of the broker. */
async function safely<T>(probe: () => Promise<Fact<T>>): Promise<Fact<T>> {
  try {
    return await probe();
  } catch (error) {
    return unknown('unreadable', `The probe failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
