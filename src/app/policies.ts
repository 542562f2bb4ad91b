/** Builds what decides about connections from the configuration's files, whole or not at all. */
import type { AuthorStanding } from '../pipeline/checks/authenticate.ts';
import type { LeftWillPolicy } from '../pipeline/checks/left-will.ts';
import type { ConnectionPolicy, QuarantinePolicy } from '../pipeline/policy.ts';
import type { Authorizer } from '../policy/authorization/decision.ts';
import type { BanIndex } from '../policy/detection/bans/ban-index.ts';
import type { Quarantine } from '../policy/detection/quarantine.ts';
import { VirtualPatches } from '../policy/detection/virtual-patches.ts';
import { ClientIdPattern, type ClientIdRules } from '../policy/identity/client-id-rules.ts';
import {
  DEFAULT_IDENTITY_TEMPLATE,
  type IdentityTemplate,
  parseIdentityTemplate,
} from '../policy/identity/identity-template.ts';
import { PskMethod } from '../policy/identity/psk.ts';
import type { PskFile } from '../policy/identity/psk-file.ts';
import { type Candidate, loadAuthorization } from './authorization-files.ts';
import type { PreparedGuards } from './certificates/certificate-guards.ts';
import type { Config, ListenerConfig } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { buildChain, type Chain } from './identity-methods.ts';
import type { IdentityServices } from './identity-services.ts';

/** What all listeners share. */
export interface Policies {
  readonly chain: Chain;
  readonly authorizer: Authorizer;
  readonly candidate: Candidate | undefined;
  /** Of who is in quarantine. */
  readonly confined: Authorizer | undefined;
}

/** Who is shut out and who is confined, as of now. */
export interface Shut {
  readonly bans: BanIndex;
  readonly quarantine: Quarantine;
}

/**
 * Reads the policy or the ACL, and builds the chain of identity methods, which whoever asked closes when it is no longer in force.
 * @throws {OperatorError} when a file cannot be read, {FileFaultError} with all that is wrong in one.
 */
export async function loadPolicies(config: Config, services: IdentityServices): Promise<Policies> {
  const { authorizer, candidate, confined } = await loadAuthorization(config, services.clock);
  return { chain: await buildChain(config, services), authorizer, candidate, confined };
}

/** One listener's policy. */
export function policyFor(
  listener: ListenerConfig,
  config: Config,
  policies: Policies,
  guards: PreparedGuards,
  psk: PskFile | undefined,
  generation: number,
  shut: Shut,
): ConnectionPolicy {
  const { bans, quarantine } = shut;
  const { scopes: _scopes, places: _places, ...ceilings } = config.limits;
  const { protocolVersions, rejectControlCharacters, userPropertiesMax, ...limits } = {
    ...ceilings,
    ...listener.limits?.ceilings,
  };
  return Object.freeze({
    generation,
    protocolVersions,
    limits,
    ...standingOf(listener, policies.chain, psk),
    authorizer: policies.authorizer,
    certificateGuard: guards.of(listener.name),
    bans,
    quarantine: quarantinePolicy(config, policies, quarantine),
    clientIds: clientIdRules(listener.clientIds ?? config.authentication.clientIds),
    deniedPublish: config.authorization.deniedPublish,
    virtualPatches: new VirtualPatches(config.detection.virtualPatches.off),
    decodeRules: { rejectControlCharacters, userPropertiesMax, strictClientIdLength: false },
  });
}

/** What one listener knows identities by. */
export function standingOf(listener: ListenerConfig, chain: Chain, psk: PskFile | undefined): AuthorStanding {
  return {
    authenticator: chain.authenticatorOf(listener.name, psk === undefined ? [] : [new PskMethod(psk)]),
    anonymousAllowed: listener.anonymous,
    certificateIdentity: certificateIdentity(listener),
  };
}

/** What Wills are judged by whose authors have gone. */
export function leftWillPolicy(
  config: Config,
  policies: Pick<Policies, 'authorizer' | 'confined'>,
  standings: LeftWillPolicy['standings'],
  { bans, quarantine }: Shut,
): LeftWillPolicy {
  return {
    bans,
    authorizer: policies.authorizer,
    quarantine: quarantinePolicy(config, policies, quarantine),
    standings,
  };
}

/** In a decoy, a client without a role of the quarantine may do what it could do before. */
function quarantinePolicy(
  { response }: Config,
  { confined: authorizer, authorizer: usual }: Pick<Policies, 'authorizer' | 'confined'>,
  confined: Quarantine,
): QuarantinePolicy | undefined {
  const hasDecoy = response.quarantine.upstream !== undefined;
  return authorizer === undefined && !hasDecoy ? undefined : { confined, authorizer: authorizer ?? usual, hasDecoy };
}

function clientIdRules({ pattern: text, ...rest }: Config['authentication']['clientIds']): ClientIdRules {
  const pattern = text === undefined ? undefined : ClientIdPattern.parse(text);
  // INVARIANT: the configuration's schema has parsed it before.
  if (typeof pattern === 'string') throw new OperatorError(`The pattern "${text}" is wrong: ${pattern}.`);
  return { ...rest, pattern };
}

function certificateIdentity({ tls }: ListenerConfig): IdentityTemplate | undefined {
  const text = tls?.identity ?? (tls?.identityFromCertificate === true ? DEFAULT_IDENTITY_TEMPLATE : undefined);
  if (text === undefined) return undefined;
  const template = parseIdentityTemplate(text);
  // INVARIANT: the configuration's schema has parsed it before.
  if (typeof template === 'string') throw new OperatorError(`The identity template "${text}" is wrong: ${template}.`);
  return template;
}
