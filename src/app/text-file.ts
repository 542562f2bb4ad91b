/** Reads a file of names and rules: UTF-8 and nothing else, since a name with other bytes in it would be nobody's, and a deny of it deny nobody. */
import { FileFaultError } from '../base/file-fault.ts';
import { OperatorError } from './config/problem.ts';
import { readPlainFile } from './plain-file.ts';

/**
 * `what` and `cure` are for the error where it cannot be read.
 * @throws {OperatorError} where it cannot be read, {FileFaultError} where it is no text.
 */
export async function readText(file: string, what: string, cure: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readPlainFile(file);
  } catch (error) {
    throw new OperatorError(`The ${what} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}); ${cure}.`);
  }
  return textOf(bytes, file);
}

/** @throws {FileFaultError} with the line that is no UTF-8. */
export function textOf(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const lines = Buffer.from(bytes).toString('utf8').split('\n');
    const line = lines.findIndex((text) => text.includes('\ufffd')) + 1;
    throw new FileFaultError([
      { file, line: Math.max(1, line), column: 1, says: 'This is not UTF-8 text.', cure: 'Save the file as UTF-8.' },
    ]);
  }
}
