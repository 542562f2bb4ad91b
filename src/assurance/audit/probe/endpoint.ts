/** Where a probe goes, and as whom it may come. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { OperatorError } from '../../../app/config/problem.ts';
import { parseUpstreamUrl, type UpstreamUrl } from '../../../app/config/upstream-url.ts';

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

/** @throws {OperatorError} when the URL or a file is wrong. */
export async function endpointOf(url: string, options: Readonly<Record<string, unknown>>): Promise<ProbeEndpoint> {
  const parsed = parseUpstreamUrl(url);
  if (parsed === undefined) {
    throw new OperatorError(
      `${url} is no endpoint that can be probed: give mqtt://HOST:PORT, mqtts://, ws:// or wss://, without credentials.`,
    );
  }
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

async function content(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new OperatorError(`The file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

export function isNamed({ host }: ProbeEndpoint): boolean {
  return isIP(host) === 0;
}
