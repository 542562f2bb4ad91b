/** Builds the methods that ask servers, from their entries in the chain. Libraries are loaded only where one is wanted. */
import type { ConnectionOptions } from 'node:tls';
import { LdapMethod } from '../../policy/identity/ldap-method.ts';
import { StoredLoginMethod } from '../../policy/identity/stored-login-method.ts';
import { WebhookMethod } from '../../policy/identity/webhook-method.ts';
import { isLoopbackHost, parseBackendUrl } from '../config/chain/backend-fields.ts';
import type { ChainEntry } from '../config/config.ts';
import { readSecret, type SecretSource } from '../config/secret.ts';
import type { Built, IdentityServices } from '../identity-services.ts';
import { BackendGuard } from './backend-guard.ts';
import { tlsOptionsOf } from './backend-tls.ts';

type Entry<Method extends ChainEntry['method']> = Extract<ChainEntry, { method: Method }>;
type BackendEntry = Entry<'webhook' | 'ldap' | 'postgresql' | 'redis'>;

/** Of a whole login: a directory's conversation has up to five answers. */
const LDAP_ANSWER_MAX_BYTES = 1_048_576;
const STORE_ANSWER_MAX_BYTES = 262_144;
const POSTGRESQL_PORT = 5432;
const REDIS_PORT = 6379;

export async function backendMethod(entry: BackendEntry, services: IdentityServices): Promise<Built> {
  switch (entry.method) {
    case 'webhook':
      return webhookMethod(entry, services);
    case 'ldap':
      return ldapMethod(entry, services);
    case 'postgresql':
      return postgresqlMethod(entry, services);
    case 'redis':
      return redisMethod(entry, services);
  }
}

function nameOf({ name, method }: BackendEntry): string {
  return name ?? method;
}

function guardOf(entry: BackendEntry, { clock, emit }: IdentityServices): BackendGuard {
  const { url, timeout, concurrencyMax, queueMax, failuresMax, pause } = entry;
  const backend = `${nameOf(entry)} (${url})`;
  return new BackendGuard({
    backend,
    clock,
    emit,
    timeoutMs: timeout,
    concurrencyMax,
    queueMax,
    failuresMax,
    pauseMs: pause,
  });
}

function validForMsOf({ validFor }: BackendEntry): number | undefined {
  return validFor === 0 ? undefined : validFor * 1000;
}

function hostOf({ url }: BackendEntry) {
  // INVARIANT: the schema has parsed it before.
  return parseBackendUrl(url, ['http', 'https', 'ldap', 'ldaps', 'redis', 'rediss', 'postgresql'])!;
}

function tlsOf(entry: BackendEntry): Promise<ConnectionOptions> {
  return tlsOptionsOf(entry.tls, hostOf(entry).host);
}

async function secretOf(source: SecretSource | undefined): Promise<string | undefined> {
  return source === undefined ? undefined : readSecret(source, process.env);
}

async function webhookMethod(entry: Entry<'webhook'>, services: IdentityServices): Promise<Built> {
  const { openWebhook } = await import('./webhook-client.ts');
  const { ask, close } = openWebhook({
    url: entry.url,
    tls: await tlsOf(entry),
    secret: await secretOf(entry.secret),
    answerSizeMaxBytes: entry.answerSizeMax,
    connectionsMax: entry.concurrencyMax,
    guard: guardOf(entry, services),
  });
  const method = new WebhookMethod({
    name: nameOf(entry),
    ask,
    allowedForMs: entry.allowedFor,
    deniedForMs: entry.deniedFor,
    cachedMax: entry.cachedMax,
    validForMs: validForMsOf(entry),
    ...services,
  });
  return { method, close };
}

async function ldapMethod(entry: Entry<'ldap'>, services: IdentityServices): Promise<Built> {
  const { openLdap } = await import('./ldap-directory.ts');
  const { inDirectory, close } = openLdap({
    url: entry.url,
    tls: await tlsOf(entry),
    startTls: entry.startTls,
    bindDn: entry.bindDn,
    bindPassword: await readSecret(entry.bindPassword, process.env),
    answerSizeMaxBytes: LDAP_ANSWER_MAX_BYTES,
    guard: guardOf(entry, services),
  });
  const { userBase, userFilter, usernameAttribute, attributes, unknownUser } = entry;
  const method = new LdapMethod({
    name: nameOf(entry),
    inDirectory,
    userBase,
    userFilter,
    usernameAttribute,
    groups: groupsOf(entry),
    attributes,
    unknownUser,
    validForMs: validForMsOf(entry),
    ...services,
  });
  return { method, close };
}

function groupsOf({ groups }: Entry<'ldap'>) {
  if (groups === undefined) return undefined;
  const { attribute, base, filter, nameAttribute } = groups;
  if (attribute !== undefined) return { from: 'attribute', attribute, base } as const;
  // INVARIANT: the schema asks for one of the two.
  return { from: 'search', base, filter: filter!, nameAttribute } as const;
}

async function postgresqlMethod(entry: Entry<'postgresql'>, services: IdentityServices): Promise<Built> {
  const { openPostgresql } = await import('./postgresql-source.ts');
  const { host, port = POSTGRESQL_PORT, path } = hostOf(entry);
  const { find, close } = openPostgresql({
    host,
    port,
    database: path,
    user: entry.user,
    password: await secretOf(entry.password),
    tls: needsTls(entry, host) ? await tlsOf(entry) : undefined,
    query: entry.query,
    timeoutMs: entry.timeout,
    connectionsMax: entry.concurrencyMax,
    answerSizeMaxBytes: STORE_ANSWER_MAX_BYTES,
    guard: guardOf(entry, services),
  });
  return { method: storedLogin(entry, find, services), close };
}

/** Its URL has no word for it: with TLS, unless it is on this machine and has no certificate to be known by. */
function needsTls({ plaintext, tls }: Entry<'postgresql'>, host: string): boolean {
  return !plaintext && (!isLoopbackHost(host) || tls.ca !== undefined);
}

async function redisMethod(entry: Entry<'redis'>, services: IdentityServices): Promise<Built> {
  const { openRedis } = await import('./redis-source.ts');
  const { scheme, host, port = REDIS_PORT } = hostOf(entry);
  const { find, close } = openRedis({
    host,
    port,
    database: entry.database,
    username: entry.user,
    password: await secretOf(entry.password),
    tls: scheme === 'rediss' ? await tlsOf(entry) : undefined,
    key: entry.key,
    timeoutMs: entry.timeout,
    answerSizeMaxBytes: STORE_ANSWER_MAX_BYTES,
    guard: guardOf(entry, services),
  });
  return { method: storedLogin(entry, find, services), close };
}

function storedLogin(
  entry: Entry<'postgresql' | 'redis'>,
  find: ConstructorParameters<typeof StoredLoginMethod>[0]['find'],
  services: IdentityServices,
): StoredLoginMethod {
  const { unknownUser } = entry;
  return new StoredLoginMethod({
    name: nameOf(entry),
    find,
    unknownUser,
    validForMs: validForMsOf(entry),
    ...services,
  });
}
