/**
 * Writes docs/clauses: for every normative statement of MQTT 5.0 and 3.1.1, the files that enforce and test it. A file
 * says so by naming the clause: `[MQTT-3.3.2-2]` is one of 5.0, `[MQTT311-3.3.2-2]` one of 3.1.1.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface Clause {
  /** As the specification numbers it, such as `MQTT-3.3.2-2`. */
  readonly id: string;
  /** What it asks for, in our own words. */
  readonly says: string;
  /** Whom it binds. */
  readonly party: 'client' | 'server' | 'sender' | 'receiver' | 'both';
  /** Why nothing tests it; absent where something does. */
  readonly note?: string;
}

export interface Specification {
  readonly name: string;
  /** Where list and table are, without the ending. */
  readonly path: string;
  /** How a clause's tag begins in the code, where its identifier begins with `MQTT-`. */
  readonly prefix: string;
  readonly clauses: readonly Clause[];
}

/** Files that name a clause, by the clause's tag. */
export interface Mentions {
  readonly enforced: ReadonlyMap<string, readonly string[]>;
  readonly tested: ReadonlyMap<string, readonly string[]>;
}

const TAG = /\bMQTT(?:311)?-\d+\.\d+\.\d+-\d+\b/g;

export function readSpecifications(): Specification[] {
  const read = (name: string, path: string, prefix: string): Specification => {
    const clauses = JSON.parse(readFileSync(join(ROOT, `${path}.json`), 'utf8')) as Clause[];
    return { name, path, prefix, clauses };
  };
  return [
    read('MQTT 5.0', 'docs/clauses/mqtt-5.0', 'MQTT-'),
    read('MQTT 3.1.1', 'docs/clauses/mqtt-3.1.1', 'MQTT311-'),
  ];
}

/** The files that may name clauses. The tests' kit only helps, and the structure tests are about this table. */
export function readTagged(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (path === 'test/kit' || path === 'test/structure') continue;
      if (entry.isDirectory()) walk(path);
      else if (/\.(ts|mjs|json)$/.test(entry.name)) files.set(path, readFileSync(join(ROOT, path), 'utf8'));
    }
  };
  for (const folder of ['src', 'test', 'fuzz']) if (existsSync(join(ROOT, folder))) walk(folder);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function findMentions(files: ReadonlyMap<string, string>): Mentions {
  const enforced = new Map<string, string[]>();
  const tested = new Map<string, string[]>();
  for (const [path, text] of files) {
    const isSource = path.startsWith('src/') && !/\.test\.ts$/.test(path);
    const mentions = isSource ? enforced : tested;
    for (const tag of new Set(text.match(TAG) ?? [])) {
      const paths = mentions.get(tag);
      if (paths === undefined) mentions.set(tag, [path]);
      else paths.push(path);
    }
  }
  return { enforced, tested };
}

function tagOf(specification: Specification, clause: Clause): string {
  return specification.prefix + clause.id.slice('MQTT-'.length);
}

/** Tags that name no clause, each with a file that uses it: slips of the pen. */
export function unknownTags(specifications: readonly Specification[], mentions: Mentions): string[] {
  const known = new Set(specifications.flatMap((one) => one.clauses.map((clause) => tagOf(one, clause))));
  const unknown: string[] = [];
  for (const map of [mentions.enforced, mentions.tested]) {
    for (const [tag, paths] of map) if (!known.has(tag)) unknown.push(`${tag} in ${paths.join(', ')}`);
  }
  return unknown;
}

/** Clauses that nothing tests and no note explains. */
export function gaps(specification: Specification, mentions: Mentions): string[] {
  return specification.clauses
    .filter((clause) => clause.note === undefined && !mentions.tested.has(tagOf(specification, clause)))
    .map((clause) => `${tagOf(specification, clause)} (${clause.party}): ${clause.says}`);
}

export function render(specification: Specification, mentions: Mentions): string {
  const cell = (paths: readonly string[] | undefined): string =>
    (paths ?? []).map((path) => `\`${path}\``).join('<br>');
  const rows = specification.clauses.map((clause) => {
    const tag = tagOf(specification, clause);
    const says = clause.says.replaceAll('|', '\\|');
    const files = `${cell(mentions.enforced.get(tag))} | ${cell(mentions.tested.get(tag))}`;
    return `| ${clause.id} | ${says} | ${clause.party} | ${files} | ${clause.note ?? ''} |`;
  });
  const tested = specification.clauses.filter((clause) => mentions.tested.has(tagOf(specification, clause))).length;
  const noted = specification.clauses.filter((clause) => clause.note !== undefined).length;
  return [
    `# ${specification.name}: where each clause is enforced and tested`,
    '',
    `Written by \`node scripts/clauses.ts\` from the list beside it and the tags \`[${specification.prefix}…]\` in the code;`,
    `do not edit. ${specification.clauses.length} clauses, ${tested} named by tests, ${noted} with a note.`,
    '',
    '| clause | says | binds | enforced in | tested in | note |',
    '|-|-|-|-|-|-|',
    ...rows,
    '',
  ].join('\n');
}

if (import.meta.main) {
  const specifications = readSpecifications();
  const mentions = findMentions(readTagged());
  const unknown = unknownTags(specifications, mentions);
  for (const text of unknown) console.error(`unknown clause: ${text}`);
  for (const specification of specifications) {
    writeFileSync(join(ROOT, `${specification.path}.md`), render(specification, mentions));
    const open = gaps(specification, mentions);
    console.log(`${specification.path}.md: ${specification.clauses.length} clauses, ${open.length} unexplained gaps`);
    for (const text of open) console.log(`  ${text}`);
  }
  process.exitCode = unknown.length > 0 ? 1 : 0;
}
