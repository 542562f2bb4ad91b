/** Where a probe goes, and as whom it may come. */
import { createReadStream } from 'node:fs';
import { isIP } from 'node:net';
import { OperatorError } from '../../../app/config/problem.ts';
import { parseUpstreamUrl, type UpstreamUrl } from '../../../app/config/upstream-url.ts';
import { placedTarget, type Target } from '../model/target.ts';

/** Of a password or of certificates. */
const FILE_MAX_BYTES = 1024 * 1024;

export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface ProbeEndpoint extends UpstreamUrl {
  readonly url: string;
  /** CAs in PEM, in place of the runtime's; a probe reports a certificate that it cannot verify, and goes on. */
  readonly ca?: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** One who may log in, and another: what one may do to the other needs both. */
  readonly logins: readonly Login[];
  /** Whether probes may publish, take over sessions of their own, and try passwords. */
  readonly isActive: boolean;
}

const OPTIONS: Readonly<Record<string, 'string' | 'boolean'>> = {
  active: 'boolean',
  user: 'string',
  passwordFile: 'string',
  user2: 'string',
  passwordFile2: 'string',
  ca: 'string',
  certificate: 'string',
  key: 'string',
};

/** @throws {OperatorError} that repeats no URL in which somebody has put a password. */
export function probeTarget(url: string, options: Readonly<Record<string, unknown>> = {}): Target {
  readUrl(url);
  for (const [name, value] of Object.entries(options)) {
    const type = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (type === undefined)
      throw new OperatorError(`An mqtt target has no option "${name}", only ${Object.keys(OPTIONS).join(', ')}.`);
    if (typeof value !== type) throw new OperatorError(`The option "${name}" of the mqtt target ${url} is a ${type}.`);
  }
  for (const [one, other] of [
    ['passwordFile', 'user'],
    ['passwordFile2', 'user2'],
    ['user2', 'user'],
    ['certificate', 'key'],
    ['key', 'certificate'],
  ] as const) {
    if (options[one] !== undefined && options[other] === undefined)
      throw new OperatorError(`The mqtt target ${url} has ${one} and no ${other}: give both.`);
  }
  return placedTarget('mqtt', url, options);
}

function readUrl(url: string): UpstreamUrl {
  const parsed = parseUpstreamUrl(url);
  if (parsed !== undefined) return parsed;
  const shown = url.includes('@') ? 'What has an @ in it' : url;
  throw new OperatorError(
    `${shown} is no endpoint that can be probed: give mqtt://HOST:PORT, mqtts://, ws:// or wss://, without credentials.`,
  );
}

/** @throws {OperatorError} when a file is wrong. */
export async function endpointOf(url: string, options: Readonly<Record<string, unknown>>): Promise<ProbeEndpoint> {
  const parsed = readUrl(url);
  const text = (name: string): string | undefined =>
    typeof options[name] === 'string' ? String(options[name]) : undefined;
  const [ca, cert, key] = await Promise.all(
    ['ca', 'certificate', 'key'].map(async (name) => {
      const path = text(name);
      return path === undefined ? undefined : await content(path);
    }),
  );
  const logins = await Promise.all([
    loginOf(text('user'), text('passwordFile')),
    loginOf(text('user2'), text('passwordFile2')),
  ]);
  return {
    ...parsed,
    url,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { certificate: { cert, key } }),
    logins: logins.filter((login) => login !== undefined),
    isActive: options['active'] === true,
  };
}

async function loginOf(username: string | undefined, passwordFile: string | undefined): Promise<Login | undefined> {
  if (username === undefined) return undefined;
  const password = passwordFile === undefined ? '' : (await content(passwordFile)).split(/\r?\n/, 1)[0]!;
  return { username, password };
}

/** It may be a pipe, as of a shell's `<(…)`, that is read once. */
async function content(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      lengthBytes += chunk.length;
      if (lengthBytes > FILE_MAX_BYTES)
        throw new OperatorError(`The file ${path} has more than ${FILE_MAX_BYTES} bytes.`);
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function isNamed({ host }: ProbeEndpoint): boolean {
  return isIP(host) === 0;
}
