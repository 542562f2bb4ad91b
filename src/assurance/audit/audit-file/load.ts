/** Reads an audit file: text in, declarations out, or everything that is wrong with it by line and key. */
import { readFile, stat } from 'node:fs/promises';
import { formatPath, type KeyPath } from '../../../app/config/key-path.ts';
import { ConfigError, type ConfigProblem, OperatorError } from '../../../app/config/problem.ts';
import { parseYaml } from '../../../app/config/yaml-source.ts';
import { nearestWord } from '../../../base/nearest-word.ts';
import { type AuditFile, auditFileJsonSchema, auditFileSchema } from './schema.ts';

const FILE_SIZE_MAX_BYTES = 4 * 1024 * 1024;
const WAIVER_MAX_DAYS = 365;
const DAY_MS = 86_400_000;

export async function loadAuditFile(file: string, isCheck: (id: string) => boolean, nowMs: number): Promise<AuditFile> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > FILE_SIZE_MAX_BYTES) throw new OperatorError(`${file} is larger than 4 MiB, which no audit file is.`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The audit file ${file} cannot be read: ${(error as Error).message}.`);
  }
  return parseAuditFile(file, text, isCheck, nowMs);
}

/** @throws {ConfigError} with all that is wrong. */
export function parseAuditFile(file: string, text: string, isCheck: (id: string) => boolean, nowMs: number): AuditFile {
  const source = parseYaml(file, text);
  if (source.problems.length > 0) throw new ConfigError(source.problems);
  const problems: ConfigProblem[] = [];
  const report = (path: KeyPath, says: string, at: 'key' | 'value' = 'value'): void => {
    const position = at === 'key' ? source.locateKey(path) : source.locateValue(path);
    problems.push({ file, ...position, path: formatPath(path), says });
  };
  const result = auditFileSchema.safeParse(source.value ?? {});
  if (result.success) {
    for (const [index, waiver] of result.data.waivers.entries()) {
      const at = ['waivers', index] as const;
      if (!isCheck(waiver.check))
        report([...at, 'check'], `there is no check ${waiver.check}; \`sallyport audit list\` shows them`);
      if (waiver.target === undefined && waiver.fingerprint === undefined)
        report(at, 'covers too much: name the target or the fingerprint that a report shows');
      if (Date.parse(waiver.expires) > nowMs + WAIVER_MAX_DAYS * DAY_MS)
        report(
          [...at, 'expires'],
          `is more than ${WAIVER_MAX_DAYS} days away: what is accepted for longer has to be looked at again`,
        );
    }
    if (problems.length === 0) return result.data;
  } else {
    for (const issue of result.error.issues) {
      const path = issue.path as KeyPath;
      if (issue.code !== 'unrecognized_keys') report(path, issue.message);
      else for (const key of issue.keys) report([...path, key], unknownKey(key), 'key');
    }
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  throw new ConfigError(problems);
}

function unknownKey(key: string): string {
  const meant = nearestWord(key, [...keysIn(auditFileJsonSchema())]);
  return meant === undefined ? 'unknown key; remove it' : `unknown key; did you mean \`${meant}\`?`;
}

/** Every key that stands anywhere in the schema. */
function keysIn(schema: unknown): Set<string> {
  const keys = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties, items } = node as { properties?: Record<string, unknown>; items?: unknown };
    for (const [key, inner] of Object.entries(properties ?? {})) {
      keys.add(key);
      visit(inner);
    }
    visit(items);
  };
  visit(schema);
  return keys;
}
