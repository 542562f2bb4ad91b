/**
 * Keeps what a run's failed tests said and repeats it at the end, where the reader of a long log looks. The default export
 * is a reporter for `node --test`: a line of JSON for each test that failed.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const FAILURES_MAX = 20;
const MESSAGE_LINES_MAX = 12;
const LINE_CHARACTERS_MAX = 240;
/** Of what a file wrote to its standard error: kept in case it ends without a word from the runner. */
const STDERR_CHARACTERS_MAX = 4000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * A failed test, or a stage that failed as a whole.
 * @typedef {{ file?: string, line?: number, name: string, message: string, frames: string[] }} Failure
 */

const lines = (text) => text.split('\n').map((line) => line.trimEnd());
/** Without a terminal's colours. */
const plain = (text) => text.replace(/\u001b\[[0-9;]*m/g, '');
/** The last lines that say something: frames of the runtime do not. */
const lastLines = (text) =>
  lines(plain(text))
    .filter((line) => line !== '' && !/^\s+at .*node:|^Node\.js v/.test(line))
    .slice(-MESSAGE_LINES_MAX)
    .join('\n');
const pathOf = (file) => (file.startsWith(ROOT) ? relative(ROOT, file) : file);

/** Where in the repository it happened, and where in the test. */
function framesOf(stack, file) {
  const ours = lines(stack)
    .map((line) => line.trim().replaceAll('file://', ''))
    .filter((line) => line.startsWith('at ') && !/node:|node_modules/.test(line) && /[:]\d+:\d+\)?$/.test(line));
  const inTest = ours.find((line) => line.includes(file));
  return [...new Set([ours[0], inTest].filter((line) => line !== undefined))].map((line) => line.replaceAll(ROOT, ''));
}

/** The error's own words, the text that was searched where they do not tell it, and what caused it. */
function messageOf(error) {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : inspect(error);
  const said = [`${error.name}: ${error.message.trimEnd()}`];
  // The runtime adds what was compared to a test's own words for every assertion but this.
  if (error.operator === 'match' && error.generatedMessage === false)
    said.push(`expected: ${error.expected}`, `actual: ${error.actual}`);
  if (error.cause !== undefined) said.push(`because of ${messageOf(error.cause)}`);
  return plain(said.join('\n'));
}

/** The runner makes a test of each file, too; what happens inside one carries the file's name as its entry. */
const isWholeFile = ({ entryFile }) => entryFile === undefined;

/** The runner's events in, lines of JSON out as they come: a run that is killed has left what it had. */
export default async function* failedTests(events) {
  /** By file. */
  const stderr = new Map();
  /** By file: the full names of the tests that began and have not ended, by their number. */
  const running = new Map();
  /** By file and number. */
  const names = new Map();
  for await (const { type, data } of events) {
    const file = data.entryFile ?? data.file;
    if (type === 'test:stderr') {
      stderr.set(file, ((stderr.get(file) ?? '') + data.message).slice(-STDERR_CHARACTERS_MAX));
    } else if (type === 'test:dequeue' && !isWholeFile(data)) {
      const parent = names.get(`${file} ${data.parentId}`);
      const name = parent === undefined ? data.name : `${parent} > ${data.name}`;
      names.set(`${file} ${data.testId}`, name);
      if (data.type === 'test') running.set(file, (running.get(file) ?? new Map()).set(data.testId, name));
    } else if (type === 'test:complete' && !isWholeFile(data)) {
      running.get(file)?.delete(data.testId);
    } else if (type === 'test:fail') {
      const failure = failureOf(data, file, isWholeFile(data) ? data.name : names.get(`${file} ${data.testId}`));
      if (failure === undefined) continue;
      if (isWholeFile(data)) {
        const left = [...(running.get(file)?.values() ?? [])];
        if (left.length > 0) failure.message += `\nwhile it ran: ${left.join('; ')}`;
        failure.message += `\n${lastLines(stderr.get(file) ?? '')}`;
      }
      yield `${JSON.stringify(failure)}\n`;
    }
  }
}

function failureOf(data, file, name = 'outside its tests') {
  const { error } = data.details;
  // A suite fails because a test of it does, and that one is told.
  if (data.todo !== undefined || error.failureType === 'subtestsFailed') return undefined;
  const cause = error.cause ?? error;
  let message = messageOf(cause);
  if (error.exitCode !== undefined) message += ` (exit code ${error.exitCode}, signal ${error.signal})`;
  const frames = framesOf(cause.stack ?? '', file ?? '');
  return { ...(file === undefined ? {} : { file: pathOf(file), line: data.line }), name, message, frames };
}

/** What the reporter wrote; a last line that was cut off is none. */
export function readFailures(text) {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** A command that failed as a whole: its last lines. */
export function failedStage(name, output) {
  return { name, message: lastLines(output), frames: [] };
}

function shortened(message) {
  const all = lines(message);
  const kept = all
    .slice(0, MESSAGE_LINES_MAX)
    .map((line) => (line.length > LINE_CHARACTERS_MAX ? `${line.slice(0, LINE_CHARACTERS_MAX)}…` : line));
  return all.length > kept.length ? [...kept, `… ${all.length - kept.length} more lines`] : kept;
}

/** The text that ends the log: each failure's place, name and first lines. */
export function describeFailures(failures) {
  const told = failures.slice(0, FAILURES_MAX).map(({ file, line, name, message, frames }) => {
    const place = file === undefined ? '' : `${file}:${line}: `;
    return [`✖ ${place}${name}`, ...[...shortened(message), ...frames].map((text) => `    ${text}`.trimEnd())].join(
      '\n',
    );
  });
  if (failures.length > told.length) told.push(`… and ${failures.length - told.length} more`);
  return told.join('\n\n');
}
