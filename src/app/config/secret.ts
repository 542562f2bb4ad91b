/** Secrets: the configuration says where one is kept, never what it is. */
import { z } from 'zod';
import { readPlainText } from '../plain-file.ts';
import { discreetComplaint, path } from './fields.ts';
import { OperatorError } from './problem.ts';

export type SecretSource = { readonly file: string } | { readonly env: string };

const SECRET_SIZE_MAX_BYTES = 65_536;

/** A place where a secret is kept. What was written instead of one is not repeated in errors: it may be the secret itself. */
export function secret(directory: string) {
  const inFile = z.strictObject({ file: path(directory) });
  const inEnvironment = z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) });
  return z.union([inFile, inEnvironment], {
    error: (issue) => discreetComplaint(issue.input, 'the place of the secret, as { file: PATH } or { env: NAME }'),
  });
}

/** The secret itself, without the line end that editors leave. Throws an `OperatorError` where there is none. */
export async function readSecret(source: SecretSource, environment: NodeJS.ProcessEnv): Promise<string> {
  if ('env' in source) {
    const value = environment[source.env];
    if (value === undefined || value === '') {
      throw new OperatorError(`The environment variable ${source.env}, which should hold a secret, is not set.`);
    }
    return value;
  }
  let value: string;
  try {
    value = await readPlainText(source.file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const cure = code === 'EACCES' ? 'let the user that the gateway runs as read it' : 'correct the path';
    throw new OperatorError(`The secret in ${source.file} cannot be read (${code}): ${cure}.`);
  }
  value = value.replace(/\r?\n$/, '');
  if (value === '' || value.length > SECRET_SIZE_MAX_BYTES) {
    throw new OperatorError(`The file ${source.file}, which should hold a secret, is empty or too large.`);
  }
  return value;
}
