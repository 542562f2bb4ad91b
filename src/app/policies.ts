/** Builds what decides about connections from the configuration's files, whole or not at all. */
import { readFile } from 'node:fs/promises';
import type { Chance } from '../base/chance.ts';
import type { ConnectionPolicy } from '../pipeline/policy.ts';
import { parseAclFile } from '../policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../policy/authorization/authorizer.ts';
import type { Authorizer } from '../policy/authorization/decision.ts';
import { anonymousMethod } from '../policy/identity/anonymous.ts';
import { buildAuthenticator } from '../policy/identity/authenticator.ts';
import { certificateMethod } from '../policy/identity/certificate.ts';
import type { HashQueue } from '../policy/identity/hash-queue.ts';
import type { Authenticator } from '../policy/identity/identity.ts';
import {
  DEFAULT_IDENTITY_TEMPLATE,
  type IdentityTemplate,
  parseIdentityTemplate,
} from '../policy/identity/identity-template.ts';
import { parsePasswordFile } from '../policy/identity/password-file.ts';
import { PasswordFileMethod } from '../policy/identity/password-file-method.ts';
import type { Config, ListenerConfig } from './config/config.ts';
import { OperatorError } from './config/problem.ts';

/** What all listeners share. */
export interface Policies {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
}

/**
 * Reads the password file and the ACL file.
 * @throws {OperatorError} when one cannot be read, {FileFaultError} with all that is wrong in one.
 */
export async function loadPolicies(config: Config, queue: HashQueue, chance: Chance): Promise<Policies> {
  const { passwordFile } = config.authentication;
  const { aclFile, subscribe } = config.authorization;
  const [passwords, acl] = await Promise.all([
    readText(passwordFile, 'password file', '`sallyport passwd add NAME` makes it'),
    readText(aclFile, 'ACL file', 'without one nobody may do anything'),
  ]);
  return {
    authenticator: buildAuthenticator([
      certificateMethod,
      new PasswordFileMethod({ passwordFile: parsePasswordFile(passwords, passwordFile), queue, chance }),
      anonymousMethod,
    ]),
    authorizer: buildAuthorizer(parseAclFile(acl, aclFile), { subscribe }),
  };
}

async function readText(file: string, what: string, cure: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`The ${what} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}); ${cure}.`);
  }
}

/** One listener's policy. */
export function policyFor(
  listener: ListenerConfig,
  config: Config,
  policies: Policies,
  generation: number,
): ConnectionPolicy {
  const { protocolVersions, rejectControlCharacters, userPropertiesMax, ...limits } = config.limits;
  return Object.freeze({
    generation,
    protocolVersions,
    limits,
    authenticator: policies.authenticator,
    authorizer: policies.authorizer,
    anonymousAllowed: listener.anonymous,
    certificateIdentity: certificateIdentity(listener),
    deniedPublish: config.authorization.deniedPublish,
    decodeRules: { rejectControlCharacters, userPropertiesMax, strictClientIdLength: false },
  });
}

function certificateIdentity({ tls }: ListenerConfig): IdentityTemplate | undefined {
  const text = tls?.identity ?? (tls?.identityFromCertificate === true ? DEFAULT_IDENTITY_TEMPLATE : undefined);
  if (text === undefined) return undefined;
  const template = parseIdentityTemplate(text);
  // INVARIANT: the configuration's schema has parsed it before.
  if (typeof template === 'string') throw new OperatorError(`The identity template "${text}" is wrong: ${template}.`);
  return template;
}
