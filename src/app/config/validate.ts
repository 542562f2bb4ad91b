/** From a YAML source to a frozen configuration, or to everything that is wrong with it. */

import { nearestWord } from '../../base/nearest-word.ts';
import { type Config, deepFreeze } from './config.ts';
import { knownPaths, schemaAt } from './json-schema.ts';
import { formatPath, type KeyPath } from './key-path.ts';
import { ConfigError, type ConfigProblem } from './problem.ts';
import { configSchema } from './schema.ts';
import type { YamlSource } from './yaml-source.ts';

/** Where else the schema has a key of this name, such as `limits.keepAliveMax`. */
function elsewhere(key: string, path: KeyPath): string | undefined {
  const lastOf = (known: string): string => known.slice(known.lastIndexOf('.') + 1);
  const homes = knownPaths().filter((known) => lastOf(known) === key);
  const own = path.find((step): step is number => typeof step === 'number');
  return homes[0]?.replace('[]', `[${own ?? 0}]`);
}

function unknownKey(key: string, path: KeyPath, config: unknown): string {
  const siblings = Object.keys(schemaAt(path, config)?.properties ?? {});
  const meant = nearestWord(key, siblings);
  if (meant !== undefined) return `unknown key; did you mean \`${formatPath([...path, meant])}\`?`;
  const home =
    elsewhere(key, path) ??
    elsewhere(
      nearestWord(
        key,
        knownPaths().map((known) => known.split('.').at(-1)!),
      ) ?? '',
      path,
    );
  if (home !== undefined) return `unknown key; did you mean \`${home}\`?`;
  return `unknown key; known here are: ${siblings.join(', ')}`;
}

/** A section whose keys are all commented out is an empty one. */
function withEmptySections(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const isEmptySection = (key: string, inner: unknown): boolean =>
    inner === null && schemaAt([key])?.properties !== undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, isEmptySection(key, inner) ? {} : inner]),
  );
}

/** Where each limit stands that the file gives: whoever meets one is told. */
function placeLimits(source: YamlSource, places: Record<string, string>): void {
  const visit = (value: unknown, path: KeyPath): void => {
    if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) {
      places[formatPath(path)] = `${source.file}:${source.locateKey(path).line}`;
    } else if (typeof value === 'object' && value !== null) {
      const isList = Array.isArray(value);
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, isList ? Number(key) : key]);
    } else places[formatPath(path)] = `${source.file}:${source.locateKey(path).line}`;
  };
  const file = source.value as { limits?: unknown; listeners: readonly { limits?: unknown }[] };
  visit(file.limits ?? {}, ['limits']);
  for (const [i, listener] of file.listeners.entries()) visit(listener.limits ?? {}, ['listeners', i, 'limits']);
}

export function validate(source: YamlSource, directory: string): Config {
  if (source.problems.length > 0) throw new ConfigError(source.problems);
  const problems: ConfigProblem[] = [];
  const { file, value } = source;
  const report = (path: KeyPath, says: string, at: 'key' | 'value'): void => {
    const position = at === 'key' ? source.locateKey(path) : source.locateValue(path);
    problems.push({ file, ...position, path: formatPath(path), says });
  };
  if (value === undefined || value === null) {
    report([], 'the file is empty: give at least one listener', 'value');
    throw new ConfigError(problems);
  }

  const result = configSchema(directory).safeParse(withEmptySections(value));
  if (result.success) {
    for (const [index, listener] of result.data.listeners.entries()) {
      listener.place = `${file}:${source.locateValue(['listeners', index]).line}`;
    }
    placeLimits(source, result.data.limits.places);
    return deepFreeze(result.data);
  }
  for (const issue of result.error.issues) {
    const path = issue.path as KeyPath;
    if (issue.code !== 'unrecognized_keys') report(path, issue.message, 'value');
    else for (const key of issue.keys) report([...path, key], unknownKey(key, path, value), 'key');
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  throw new ConfigError(problems);
}
