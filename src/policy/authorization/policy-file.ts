/**
 * Reads a policy file: roles, assignments and assertions. Text in, frozen values out; the reading of the file itself is the
 * caller's. Nothing in it is taken for granted: unknown keys, unknown roles and circles of roles are faults.
 */

import { readAssertion } from './assertion-reader.ts';
import { readAssignment } from './assignment-reader.ts';
import { type CutPolicy, cutGrants, visitEntries } from './bulk-grants.ts';
import { FaultList, type Place, quote } from './fault-list.ts';
import { GrantReader } from './grant-reader.ts';
import { asMap, checkRoleExists, checkRoleName, readList, readMap, readTexts } from './policy-fields.ts';
import type { Assertion, Assignment, Grant, Policy, Role } from './policy-form.ts';
import { readYaml, type YamlNode, type YamlText } from './policy-yaml.ts';
import { readLimits } from './role-limits.ts';

export const POLICY_FILE_MAX_BYTES = 256 * 1024 * 1024;

const ROLES_MAX = 65_536;
const ASSIGNMENTS_MAX = 100_000;
export const ASSERTIONS_MAX = 100_000;

const POLICY_KEYS = ['roles', 'assignments', 'assertions'];
const ROLE_KEYS = ['description', 'includes', 'grants', 'limits'];

/** From here on, lists of grants are read in bulk. */
const BULK_MIN_CHARS = 256 * 1024;

export interface ParseOptions {
  /** Called now and then, with the characters read and all there are. */
  readonly onProgress?: (done: number, all: number) => void;
  readonly bulkMinChars?: number;
}

/**
 * `file` is its name, for reports.
 * @throws {FileFaultError} with everything that is wrong in it (the first 100).
 */
export function parsePolicyFile(text: string, file: string, options: ParseOptions = {}): Policy {
  const { onProgress, bulkMinChars = BULK_MIN_CHARS } = options;
  const whole = text.startsWith('\ufeff') ? text.slice(1) : text;
  const cut = whole.length < bulkMinChars ? undefined : { ...cutGrants(whole), whole, onProgress };
  const faults = new FaultList(file);
  const policy = new PolicyReader(faults, cut).read(whole);
  faults.throwIfAny();
  return policy;
}

/** A text whose lists of grants were taken out of it. */
interface CutText extends CutPolicy {
  readonly whole: string;
  readonly onProgress: ParseOptions['onProgress'];
}

const PROGRESS_EVERY_CHARS = 1024 * 1024;

class PolicyReader {
  readonly #faults: FaultList;
  readonly #grants: GrantReader;
  /** Each role with the names it includes, where they stand. */
  readonly #roles = new Map<string, { readonly role: Role; readonly includes: readonly YamlText[] }>();

  readonly #cut: CutText | undefined;
  readonly #cutsLeft: Set<number>;
  #toldAt = 0;

  constructor(faults: FaultList, cut: CutText | undefined) {
    this.#faults = faults;
    this.#grants = new GrantReader(faults);
    this.#cut = cut;
    this.#cutsLeft = new Set(cut?.cuts.keys());
  }

  read(text: string): Policy {
    const faults = this.#faults;
    const before = faults.count;
    const tree = this.#cut === undefined ? readYaml(text, faults) : readYaml(this.#cut.rest, faults, this.#cut.lineOf);
    if (tree === undefined && faults.count === before) {
      const cure = 'Give it `roles` and `assignments`; what nothing grants is denied.';
      faults.add({ line: 1, column: 1 }, 'The policy is empty.', cure);
    }
    const keys = tree === undefined ? undefined : readMap(tree, 'A policy', POLICY_KEYS, faults);
    const assignments: Assignment[] = [];
    const assertions: Assertion[] = [];
    if (keys !== undefined) {
      const [roles, assigned, asserted] = POLICY_KEYS.map((key) => keys.get(key)?.value);
      if (roles !== undefined) this.#readRoles(roles);
      this.#checkIncludes();
      for (const item of this.#items(assigned, 'The list of assignments', ASSIGNMENTS_MAX)) {
        const assignment = readAssignment(item, this.#roles, faults);
        if (assignment !== undefined) assignments.push(assignment);
      }
      for (const item of this.#items(asserted, 'The list of assertions', ASSERTIONS_MAX)) {
        const assertion = readAssertion(item, this.#roles, this.#grants, faults);
        if (assertion !== undefined) assertions.push(assertion);
      }
    }
    for (const line of faults.count > 0 ? [] : this.#cutsLeft) {
      faults.add({ line, column: 1 }, 'This list of grants belongs to no role.', 'Indent it as a part of one.');
    }
    return Object.freeze({
      file: faults.file,
      roles: Object.freeze([...this.#roles.values()].map(({ role }) => role)),
      assignments: Object.freeze(assignments),
      assertions: Object.freeze(assertions),
    });
  }

  #items(node: YamlNode | undefined, what: string, itemsMax: number): readonly YamlNode[] {
    if (node === undefined) return [];
    const items = readList(node, what, this.#faults);
    if (items.length <= itemsMax) return items;
    this.#faults.add(node, `${what} has more than ${itemsMax} entries.`, 'Use groups, attributes and placeholders.');
    return [];
  }

  #readRoles(node: YamlNode): void {
    const map = asMap(node, 'What stands under `roles`', ['NAME: { grants: … }'], this.#faults);
    if (map === undefined) return;
    if (map.entries.length > ROLES_MAX) {
      const cure = 'Use placeholders, so that many clients share a role.';
      this.#faults.add(node, `There are more than ${ROLES_MAX} roles.`, cure);
      return;
    }
    for (const { key, value, line, column } of map.entries) {
      if (checkRoleName(key, { line, column }, this.#faults)) this.#readRole(key, value, { line, column });
    }
  }

  #readRole(name: string, node: YamlNode, { line }: Place): void {
    const faults = this.#faults;
    const keys = readMap(node, `The role ${name}`, ROLE_KEYS, faults);
    const includesAt = keys?.get('includes');
    const grantsAt = keys?.get('grants');
    const includes = includesAt === undefined ? [] : readTexts(includesAt.value, 'The list of included roles', faults);
    const grants: Grant[] = [];
    if (grantsAt !== undefined) {
      const items = readList(grantsAt.value, 'The list of grants', faults);
      // What was cut out has left nothing behind: otherwise it stays, and is refused below.
      if (items.length === 0) this.#readCut(grantsAt.line, grants);
      for (const item of items) this.#grants.read(item, grants);
    }
    const limits = keys?.get('limits') === undefined ? [] : readLimits(keys.get('limits')!.value, name, faults);
    const role: Role = Object.freeze({
      file: faults.file,
      line,
      name,
      includes: Object.freeze([...new Set(includes.map(({ text }) => text))]),
      grants: Object.freeze(grants),
      ...(limits.length === 0 ? {} : { limits: Object.freeze(limits) }),
    });
    this.#roles.set(name, { role, includes });
  }

  /** Reads the list that was cut out behind a key, if one was. */
  #readCut(line: number, grants: Grant[]): void {
    const cut = this.#cut;
    const place = cut?.cuts.get(line);
    if (cut === undefined || place === undefined) return;
    this.#cutsLeft.delete(line);
    visitEntries(cut.whole, place, {
      plain: (entry, at) => {
        this.#grants.addPlain(entry, grants);
        if (at - this.#toldAt < PROGRESS_EVERY_CHARS) return;
        this.#toldAt = at;
        cut.onProgress?.(at, cut.whole.length);
      },
      other: (yaml, linesBefore) => {
        const tree = readYaml(yaml, this.#faults, (pieceLine) => pieceLine + linesBefore);
        if (tree === undefined) return;
        for (const item of readList(tree, 'The list of grants', this.#faults)) this.#grants.read(item, grants);
      },
    });
  }

  /** All that is included exists, and nothing includes itself, however far round. */
  #checkIncludes(): void {
    let allExist = true;
    for (const { includes } of this.#roles.values()) {
      for (const name of includes) allExist = checkRoleExists(name, this.#roles, this.#faults) && allExist;
    }
    if (!allExist) return;
    const done = new Set<string>();
    for (const name of this.#roles.keys()) this.#findCircle(name, done);
  }

  /** Depth first without recursion: a chain of includes may be as long as there are roles. */
  #findCircle(start: string, done: Set<string>): void {
    const path: { name: string; next: number }[] = [{ name: start, next: 0 }];
    const onPath = new Set([start]);
    while (path.length > 0) {
      const top = path.at(-1)!;
      const include = done.has(top.name) ? undefined : this.#roles.get(top.name)!.includes[top.next++];
      if (include === undefined) {
        done.add(top.name);
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(include.text)) {
        const names = path.map(({ name }) => name);
        const circle = [...names.slice(names.indexOf(include.text)), include.text].join(' includes ');
        this.#faults.add(
          include,
          `The role ${quote(include.text)} includes itself: ${circle}.`,
          'Take one of them out.',
        );
      } else if (!done.has(include.text)) {
        onPath.add(include.text);
        path.push({ name: include.text, next: 0 });
      }
    }
  }
}
