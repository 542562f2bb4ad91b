/** An upstream's options, with the certificates, keys, secrets and accounts that the configuration names. */
import { type FileFault, FileFaultError } from '../base/file-fault.ts';
import type { Account, UpstreamCredentials } from '../transports/upstream/credentials.ts';
import { Target } from '../transports/upstream/target.ts';
import type { TargetOptions, TargetTls, UpstreamOptions } from '../transports/upstream/upstream-options.ts';
import type { TargetConfig, UpstreamConfig } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { readSecret } from './config/secret.ts';
import { parseUpstreamUrl } from './config/upstream-url.ts';
import { readPlainFile } from './plain-file.ts';
import { textOf } from './text-file.ts';

/** The longest name or password of MQTT [MQTT5 1.5.4]. */
const FIELD_MAX_BYTES = 65_535;

/** @throws {OperatorError} when a file cannot be read, {FileFaultError} with all that is wrong in one. */
export async function upstreamOptions(config: UpstreamConfig): Promise<UpstreamOptions> {
  const { name, healthCheck, credentials, targets, clientIdPrefix = '', ...rest } = config;
  const { username, password, ...check } = healthCheck;
  return {
    ...rest,
    name,
    clientIdPrefix,
    targets: await Promise.all(targets.map((target) => targetOptions(name, target))),
    healthCheck: {
      ...check,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: await readSecret(password, process.env) }),
    },
    credentials: await credentialsOf(name, credentials),
  };
}

async function targetOptions(upstream: string, { url, weight, tls }: TargetConfig): Promise<TargetOptions> {
  // INVARIANT: the schema has let no other URL through.
  const place = parseUpstreamUrl(url)!;
  const options = { url, weight, ...place, ...(tls === undefined ? {} : { tls: await tlsOf(upstream, tls) }) };
  try {
    // What is wrong with certificates and keys is the operator's to hear now, and not a client's later.
    new Target(options).secureContext();
  } catch (error) {
    throw new OperatorError(
      `The CA, certificate or key of target ${url} of upstream ${upstream} cannot be used (${(error as Error).message}); see that they are PEM and that the key belongs to the certificate.`,
    );
  }
  return options;
}

async function tlsOf(upstream: string, tls: NonNullable<TargetConfig['tls']>): Promise<TargetTls> {
  const { ca, certificate, key, passphrase, serverName, pinSha256 } = tls;
  const read = async (file: string, what: string): Promise<string> => String(await readBytes(upstream, file, what));
  return {
    pinsSha256: pinSha256,
    ...(serverName === undefined ? {} : { serverName }),
    ...(ca === undefined ? {} : { caPem: await read(ca, 'CA') }),
    ...(certificate === undefined ? {} : { certificatePem: await read(certificate, 'certificate') }),
    ...(key === undefined ? {} : { keyPem: await read(key, 'private key') }),
    ...(passphrase === undefined ? {} : { passphrase: await readSecret(passphrase, process.env) }),
  };
}

async function credentialsOf(name: string, given: UpstreamConfig['credentials']): Promise<UpstreamCredentials> {
  if (given === 'passthrough') return { kind: 'passthrough' };
  if ('mapFile' in given) {
    const { mapFile } = given;
    return parseAccounts(textOf(await readBytes(name, mapFile, 'file of accounts'), mapFile), mapFile);
  }
  const password = await readSecret(given.password, process.env);
  if (Buffer.byteLength(password) > FIELD_MAX_BYTES) {
    throw new OperatorError(
      `The password of upstream ${name} is longer than MQTT can say: give one of up to 65535 bytes.`,
    );
  }
  return { kind: 'account', username: given.username, password };
}

/**
 * One line a user, `user:username:password`, with the name and the password that the broker knows; `*` stands for all users
 * that have no line.
 */
export function parseAccounts(text: string, file: string): UpstreamCredentials {
  const accounts = new Map<string, Account>();
  const faults: FileFault[] = [];
  let fallback: Account | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.replace(/\r$/, '');
    if (content.trim() === '' || content.startsWith('#')) continue;
    const wrong = (says: string, cure: string): void =>
      void faults.push({ file, line: index + 1, column: 1, says, cure });
    const first = content.indexOf(':');
    const second = content.indexOf(':', first + 1);
    const user = content.slice(0, first);
    const username = content.slice(first + 1, second);
    if (first < 1 || second < first + 2) {
      wrong('This line is not of the form user:username:password.', 'Give all three, with colons between them.');
      continue;
    }
    const account = { username, password: content.slice(second + 1) };
    if (Buffer.byteLength(content) > FIELD_MAX_BYTES) {
      wrong('This line is longer than MQTT can say.', 'Give names and passwords of up to 65535 bytes.');
    } else if (user === '*' ? fallback !== undefined : accounts.has(user)) {
      wrong('This user has a line already.', 'Remove one of the two.');
    } else if (user === '*') fallback = account;
    else accounts.set(user, account);
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return { kind: 'map', accounts, ...(fallback === undefined ? {} : { fallback }) };
}

async function readBytes(upstream: string, file: string, what: string): Promise<Buffer> {
  try {
    return await readPlainFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const cure = code === 'EACCES' ? 'let the user that the gateway runs as read it' : 'correct the path';
    throw new OperatorError(`The ${what} ${file} of upstream ${upstream} cannot be read (${code}); ${cure}.`);
  }
}
