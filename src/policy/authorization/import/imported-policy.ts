/** A policy that grows out of other products' files, with a list of what could not be carried over; written as our YAML. */
import { Document, isCollection, isScalar, visit } from 'yaml';
import { ACTIONS, type Action, type Effect } from '../policy-form.ts';
import { checkPattern } from '../topic-pattern.ts';

/** What was lost or changed, for people to look at. */
export interface ImportNote {
  readonly file: string;
  readonly line: number;
  /** One sentence. */
  readonly says: string;
  /** A rule that kept somebody from something has gone: the new policy may allow more. */
  readonly losesDeny: boolean;
}

/** As it stands under `when`. */
export interface ImportedConditions {
  readonly qos?: number;
  readonly retain?: boolean;
  readonly network?: readonly string[];
}

/** As it stands under `to`. */
export type ImportedSelector =
  | 'everyone'
  | 'anonymous'
  | 'authenticated'
  | Readonly<Record<string, string | readonly string[]>>;

interface ImportedGrant {
  readonly effect: Effect;
  readonly actions: readonly Action[];
  readonly topics: Set<string>;
  readonly when: ImportedConditions;
}

interface ImportedRole {
  readonly name: string;
  readonly description: string | undefined;
  /** By everything but the topics. */
  readonly grants: Map<string, ImportedGrant>;
}

export class ImportedPolicy {
  readonly notes: ImportNote[] = [];
  /** Of the file at hand, by the names that it uses. */
  readonly #roles = new Map<string, ImportedRole>();
  /** Of the files before. */
  readonly #finished: ImportedRole[] = [];
  readonly #names = new Set<string>();
  readonly #assignments: { readonly roles: readonly string[]; readonly to: ImportedSelector }[] = [];
  #file = '';

  /** Everything that follows comes from this file; its roles are not those of the files before. */
  begin(file: string): void {
    this.#file = file;
    this.#finished.push(...this.#roles.values());
    this.#roles.clear();
  }

  /** In the order of the lines, file by file. */
  sortedNotes(): ImportNote[] {
    const files = [...new Set(this.notes.map(({ file }) => file))];
    return this.notes.toSorted((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line);
  }

  /** Something is carried over, and is not quite the same. */
  note(line: number, says: string): void {
    this.notes.push({ file: this.#file, line, says, losesDeny: false });
  }

  /** Something is not carried over. */
  leaveOut(effect: Effect, line: number, why: string): void {
    const losesDeny = effect === 'deny';
    this.notes.push({
      file: this.#file,
      line,
      says: `${losesDeny ? 'A DENY is lost' : 'Left out'}: ${why}`,
      losesDeny,
    });
  }

  /** Whether the file has had this role. */
  has(name: string): boolean {
    return this.#roles.has(name);
  }

  /** The role that is known as `name` in the file; its own name may have to be another. */
  role(name: string, description?: string): string {
    const known = this.#roles.get(name);
    if (known !== undefined) return known.name;
    const plain =
      name
        .replaceAll(/[^A-Za-z0-9_.-]+/g, '-')
        .replace(/^[.-]+/, '')
        .slice(0, 100) || 'role';
    let own = plain;
    for (let count = 2; this.#names.has(own); count++) own = `${plain}-${count}`;
    this.#names.add(own);
    this.#roles.set(name, { name: own, description, grants: new Map() });
    return own;
  }

  /** Adds a grant to a role of the file; a filter that is none is noted and left out. */
  grant(
    role: string,
    {
      effect,
      actions,
      topic,
      when = {},
      line,
    }: {
      effect: Effect;
      actions: readonly Action[];
      topic: string;
      when?: ImportedConditions;
      line: number;
    },
  ): void {
    this.role(role);
    const fault = checkPattern(topic);
    if (fault !== undefined) {
      this.leaveOut(effect, line, `${topic}: ${fault.says}`);
      return;
    }
    const ordered = ACTIONS.filter((action) => actions.includes(action));
    const { grants } = this.#roles.get(role)!;
    const key = JSON.stringify([effect, ordered, when]);
    const known = grants.get(key);
    if (known === undefined) grants.set(key, { effect, actions: ordered, topics: new Set([topic]), when });
    else known.topics.add(topic);
  }

  assign(roles: readonly string[], to: ImportedSelector): void {
    if (roles.length > 0) this.#assignments.push({ roles: roles.map((role) => this.role(role)), to });
  }

  toYaml(): string {
    const roles = Object.fromEntries(
      [...this.#finished, ...this.#roles.values()].map(({ name, description, grants }) => [
        name,
        { ...(description ? { description } : {}), grants: [...grants.values()].map(grantToYaml) },
      ]),
    );
    const assignments = this.#assignments.map((assignment) => ({ roles: one(assignment.roles), to: assignment.to }));
    const document = new Document({ roles, assignments }, { aliasDuplicateObjects: false });
    visit(document, {
      Pair(_, { key, value }) {
        if (isScalar(key) && ON_ONE_LINE.has(key.value) && isCollection(value)) value.flow = true;
      },
    });
    return document.toString({ lineWidth: 0 });
  }
}

const ON_ONE_LINE: ReadonlySet<unknown> = new Set(['allow', 'deny', 'when', 'to']);

function grantToYaml({ effect, actions, topics, when }: ImportedGrant): object {
  return {
    [effect]: one(actions),
    topics: one([...topics]),
    ...(Object.keys(when).length === 0 ? {} : { when }),
  };
}

function one<Item>(items: readonly Item[]): Item | readonly Item[] {
  return items.length === 1 ? items[0]! : items;
}
