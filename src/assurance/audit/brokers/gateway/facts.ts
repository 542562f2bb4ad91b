/** What is collected of Sallyport itself: its configuration, what its ACL or policy allows, its passwords and the files of its secrets. */
import { configFrom, type LoadedConfig } from '../../../../app/config/load.ts';
import { ConfigError } from '../../../../app/config/problem.ts';
import { secretFiles } from '../../../../app/config/weak-settings.ts';
import { FileFaultError } from '../../../../base/file-fault.ts';
import { parseAclFile } from '../../../../policy/authorization/acl-file.ts';
import { parsePolicyFile } from '../../../../policy/authorization/policy-file.ts';
import type { Policy, Selector } from '../../../../policy/authorization/policy-form.ts';
import type { Profile } from '../../audit-file/schema.ts';
import { type Fact, known, mapFact, type Unknown, unknown } from '../../model/fact.ts';
import type { AuditContext } from '../../model/subject.ts';
import type { Target } from '../../model/target.ts';
import type { AuditedSystem, FileStatus } from '../../system/audited-system.ts';

/** What is allowed on one topic filter, whether by an ACL file or by a role of a policy. */
export interface AllowedTopic {
  readonly topic: string;
  readonly mayPublish: boolean;
  readonly mayRead: boolean;
  /** Not for users, groups or the like that are named. */
  readonly isForAll: boolean;
  readonly file: string;
  readonly line: number;
}

export interface GatewayFacts {
  readonly config: Fact<LoadedConfig>;
  readonly allowed: Fact<readonly AllowedTopic[]>;
  readonly passwords: Fact<string>;
  readonly secrets: ReadonlyMap<string, Fact<FileStatus>>;
  readonly profile: Profile;
}

const POLICY_MAX_BYTES = 64 << 20;

export async function collectGateway({ place }: Target, { system, declared }: AuditContext): Promise<GatewayFacts> {
  const loaded = await readGatewayConfig(system, place);
  const { profile } = declared;
  if (loaded.state !== 'known')
    return { config: loaded, allowed: loaded, passwords: loaded, secrets: new Map(), profile };
  const { config } = loaded.value;
  const files = secretFiles(config);
  return {
    config: loaded,
    allowed: await collectAllowed(system, config.authorization),
    passwords: await system.readText(config.authentication.passwordFile, { sizeMaxBytes: POLICY_MAX_BYTES }),
    secrets: new Map(await Promise.all(files.map(async (file) => [file, await system.status(file)] as const))),
    profile,
  };
}

/** As the gateway itself would read it, from the audited system. */
export async function readGatewayConfig(system: AuditedSystem, place: string): Promise<Fact<LoadedConfig>> {
  return mapFact(await system.readText(place), (text) => parsed(() => configFrom(place, text)));
}

async function collectAllowed(
  system: AuditedSystem,
  { policyFile, aclFile }: LoadedConfig['config']['authorization'],
): Promise<Fact<readonly AllowedTopic[]>> {
  const file = policyFile ?? aclFile!;
  const text = await system.readText(file, { sizeMaxBytes: POLICY_MAX_BYTES });
  if (text.state !== 'known') return text;
  const allowed = parsed(() => (policyFile === undefined ? ofAcl(text.value, file) : ofPolicy(text.value, file)));
  return Array.isArray(allowed) ? known(allowed, file) : (allowed as Unknown);
}

function ofAcl(text: string, file: string): AllowedTopic[] {
  return parseAclFile(text, file).rules.flatMap(({ access, filter, line, username }) =>
    access === 'deny'
      ? []
      : [
          {
            topic: filter,
            mayPublish: access !== 'read',
            mayRead: access !== 'write',
            isForAll: username === undefined,
            file,
            line,
          },
        ],
  );
}

function ofPolicy(text: string, file: string): AllowedTopic[] {
  const policy = parsePolicyFile(text, file);
  const forAll = rolesForAll(policy);
  return policy.roles.flatMap(({ name, grants }) =>
    grants.flatMap(({ effect, topic, actions, ...at }): AllowedTopic[] =>
      effect === 'deny'
        ? []
        : [
            {
              topic,
              mayPublish: actions.includes('publish'),
              mayRead: actions.some((action) => action !== 'publish'),
              isForAll: forAll.has(name),
              file: at.file,
              line: at.line,
            },
          ],
    ),
  );
}

/** Roles that everyone has, or everyone with a name, and those that they include. */
function rolesForAll({ roles, assignments }: Policy): ReadonlySet<string> {
  const isEveryone = ({ who: _who, ...demands }: Selector): boolean => Object.keys(demands).length === 0;
  const names = new Set(assignments.filter(({ to }) => isEveryone(to)).flatMap((assignment) => assignment.roles));
  const byName = new Map(roles.map((role) => [role.name, role]));
  // A set that grows while it is walked is walked to its end.
  for (const name of names) for (const included of byName.get(name)?.includes ?? []) names.add(included);
  return names;
}

/** What is wrong with a file of ours, as a fact. */
function parsed<T>(read: () => T): T | Unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof FileFaultError)
      return unknown('malformed', error.message.split('\n')[0]!);
    throw error;
  }
}
