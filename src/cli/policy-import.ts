/** `sallyport policy import`: other products' files as one policy on standard output, and on standard error what was lost. */
import { readFile } from 'node:fs/promises';
import { OperatorError } from '../app/config/problem.ts';
import { nearestWord } from '../base/nearest-word.ts';
import { ImportedPolicy } from '../policy/authorization/import/imported-policy.ts';
import { formatOf, IMPORT_FORMATS, type ImportFormat, importInto } from '../policy/authorization/import/importers.ts';
import { decode } from '../policy/authorization/policy-build.ts';
import { ExitCode, type Invocation, textOption, UsageError } from './command.ts';
import { print, printError, styled } from './terminal.ts';

export async function importPolicy(invocation: Invocation): Promise<number> {
  const files = invocation.words.slice(1);
  if (files.length === 0) throw new UsageError('Name the files: policy import FILE…');
  const given = givenFormat(invocation);
  const policy = new ImportedPolicy();
  for (const file of files) {
    const text = await readSource(file);
    importInto(policy, text, file, given ?? formatOf(text));
  }
  print(`# Imported from ${files.join(', ')}. Read it before it is put in force.\n${policy.toYaml()}`.trimEnd());
  for (const { file, line, says, losesDeny } of policy.sortedNotes()) {
    printError(`${file}:${line}: ${losesDeny ? styled('red', says, process.stderr) : says}`);
  }
  return policy.notes.some(({ losesDeny }) => losesDeny) ? ExitCode.Negative : ExitCode.Ok;
}

function givenFormat(invocation: Invocation): ImportFormat | undefined {
  const given = textOption(invocation, 'from');
  const format = IMPORT_FORMATS.find((known) => known === given);
  if (given === undefined || format !== undefined) return format;
  const meant = nearestWord(given, IMPORT_FORMATS);
  throw new UsageError(
    `--from ${given} is not known. ${meant === undefined ? `There are: ${IMPORT_FORMATS.join(', ')}.` : `Did you mean ${meant}?`}`,
  );
}

async function readSource(file: string): Promise<string> {
  try {
    return decode(await readFile(file), file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new OperatorError(`${file} cannot be read (${code}).`);
  }
}
