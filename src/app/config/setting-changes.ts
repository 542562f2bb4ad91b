/** What differs between two configurations, setting by setting, for the record. Neither holds a secret, only the places of them. */
import { isDeepStrictEqual } from 'node:util';
import type { Setting } from './settings.ts';

export interface SettingChange {
  readonly path: string;
  /** Undefined where there was none. */
  readonly before: unknown;
  readonly after: unknown;
}

export function settingChanges(before: readonly Setting[], after: readonly Setting[]): SettingChange[] {
  const old = new Map(before.map(({ path, value }) => [path, value]));
  const now = new Map(after.map(({ path, value }) => [path, value]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => !isDeepStrictEqual(old.get(path), now.get(path)))
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}
