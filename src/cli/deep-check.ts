/** Looks into the files that a configuration names, with the very parsers that a start uses, and gathers all that is wrong. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../app/config/config.ts';
import { OperatorError } from '../app/config/problem.ts';
import { listenerOptions } from '../app/listener-files.ts';
import type { Clock } from '../base/clock.ts';
import { FileFaultError } from '../base/file-fault.ts';
import { parseAclFile } from '../policy/authorization/acl-file.ts';
import { parsePasswordFile } from '../policy/identity/password-file.ts';
import { ListenerError } from '../transports/listener-error.ts';
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
  parse: (text: string, file: string) => unknown,
): Promise<Finding[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [{ file, says: `The ${what} ${file} cannot be read (${code}).` }];
  }
  try {
    parse(text, file);
    return [];
  } catch (error) {
    return findingsOf(error);
  }
}

async function checkListener(listener: Config['listeners'][number], config: Config, clock: Clock): Promise<Finding[]> {
  try {
    const options = await listenerOptions(listener, config.limits.packetSizeMaxBytes);
    settle(options);
    if (options.tls !== undefined) loadTls(options.name, options.tls, clock.epochMs());
    return [];
  } catch (error) {
    return findingsOf(error);
  }
}

export async function deepCheck(config: Config, clock: Clock): Promise<Finding[]> {
  const found = await Promise.all([
    ...(config.authentication.chain.some(({ method }) => method === 'password-file')
      ? [checkText(config.authentication.passwordFile, 'password file', parsePasswordFile)]
      : []),
    checkText(config.authorization.aclFile, 'ACL file', parseAclFile),
    ...config.listeners.map((listener) => checkListener(listener, config, clock)),
  ]);
  // Two listeners that share a certificate would say the same of it twice.
  const seen = new Set<string>();
  return found.flat().filter((finding) => {
    const mark = `${finding.file}:${finding.line}:${finding.column}:${finding.says}`;
    return !seen.has(mark) && seen.add(mark);
  });
}

export function formatFinding({ file, line, column, says }: Finding): string {
  return file === undefined || line === undefined ? says : `${file}:${line}:${column}: ${says}`;
}
