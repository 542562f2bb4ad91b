/**
 * Mosquitto's ACL file: `user`, `topic` and `pattern` lines. Text in, frozen rules out; the reading of the file itself is the
 * caller's.
 *
 * `topic` lines belong to the last `user` line before them; before the first, to anonymous clients. `pattern` lines belong to
 * everybody, with `%c` and `%u` standing for client identifier and user name.
 *
 * DEVIATION: Mosquitto accepts some lines that cannot mean what their author thinks. They are refused here, each with its cure:
 * `topic read` (there the name of a topic, with every access), `%u` as a level of a `topic` line (there taken literally),
 * `$share/` filters and users whose names can never log in.
 */
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { nearestWord } from '../../base/nearest-word.ts';
import { quote, shorten } from './fault-list.ts';

export type AclAccess = 'read' | 'write' | 'readwrite' | 'deny';

export interface AclRule {
  readonly line: number;
  /** A `pattern` is everybody's; a `topic` is one user's or the anonymous clients'. */
  readonly kind: 'topic' | 'pattern';
  /** Whose a `topic` is; undefined for anonymous clients and for every `pattern`. */
  readonly username: string | undefined;
  readonly access: AclAccess;
  /** A valid topic filter; in a `pattern` with `%c` and `%u` as they stand. */
  readonly filter: string;
}

/** Frozen. */
export interface AclFile {
  readonly file: string;
  /** In the order of the file. */
  readonly rules: readonly AclRule[];
}

const KEYWORDS = ['user', 'topic', 'pattern'];
const ACCESSES: readonly string[] = ['read', 'write', 'readwrite', 'deny'] satisfies AclAccess[];

/** The deepest that Mosquitto takes. */
const FILTER_LEVELS_MAX = 200;
const FILTER_MAX_BYTES = 65_535;
const RULES_MAX = 2_000_000;
/** Different levels with a placeholder in them: each is filled in for each client that connects. */
const PLACEHOLDER_LEVELS_MAX = 1000;
const FAULTS_MAX = 100;

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const RESERVED_IN_USERNAME = /[+#/]/;
const PLACEHOLDER = /%[cu]/;

/**
 * Reads a whole ACL file; `file` is its name, for reports.
 * @throws {FileFaultError} with everything that is wrong in it (the first 100).
 */
export function parseAclFile(text: string, file: string): AclFile {
  const parser = new AclParser();
  const lines = (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n');
  for (let index = 0; index < lines.length && parser.faults.length < FAULTS_MAX; index++) {
    parser.parseLine(lines[index]!, index + 1);
  }
  if (parser.faults.length > 0) throw new FileFaultError(parser.faults.map((fault) => ({ file, ...fault })));
  return Object.freeze({ file, rules: Object.freeze(parser.rules) });
}

/** A piece of a line and where it begins, counted from 0. */
interface Piece {
  readonly text: string;
  readonly at: number;
}

class AclParser {
  readonly rules: AclRule[] = [];
  readonly faults: Omit<FileFault, 'file'>[] = [];
  readonly #placeholderLevels = new Set<string>();
  #line = 0;
  #username: string | undefined;

  parseLine(raw: string, line: number): void {
    this.#line = line;
    const content = withoutTrailingBlanks(raw);
    if (/^ *(#|$)/.test(content)) return;
    const controlAt = content.search(CONTROL);
    if (controlAt >= 0) {
      const says = content[controlAt] === '\t' ? 'There is a tab.' : 'There is a control character.';
      this.#fault(controlAt, says, 'Separate words by blanks, and use no other blank space.');
      return;
    }
    const [keyword, rest] = splitWord({ text: content, at: 0 });
    switch (keyword.text) {
      case 'user':
        this.#parseUser(rest);
        break;
      case 'topic':
      case 'pattern':
        this.#parseRule(keyword.text, rest);
        break;
      default: {
        const nearest = nearestWord(keyword.text, KEYWORDS);
        const hint = nearest === undefined ? '.' : `; did you mean ${nearest}?`;
        const cure = `A line begins with ${KEYWORDS.join(', ')} or #${hint}`;
        this.#fault(keyword.at, `${quote(keyword.text)} is no keyword.`, cure);
      }
    }
  }

  #parseUser(name: Piece): void {
    if (name.text === '') {
      this.#fault(name.at, 'The user name is missing.', 'Write `user <name>`.');
      return;
    }
    const reservedAt = name.text.search(RESERVED_IN_USERNAME);
    if (reservedAt >= 0) {
      const says = `The user name has "${name.text[reservedAt]}" in it; nobody can log in under such a name.`;
      this.#fault(name.at + reservedAt, says, 'Rename the user, here and where it logs in.');
      return;
    }
    this.#username = name.text;
  }

  #parseRule(kind: 'topic' | 'pattern', rest: Piece): void {
    const [word, behind] = splitWord(rest);
    let access = 'readwrite';
    let filter = word;
    if (behind.text !== '') {
      access = word.text;
      filter = behind;
      if (!ACCESSES.includes(access)) {
        const nearest = nearestWord(access, ACCESSES);
        const asFilter = `if it begins the filter, write \`${kind} readwrite ${shorten(rest.text)}\`.`;
        const hint = nearest === undefined ? asFilter : `did you mean ${nearest}?`;
        const cure = `Write one of ${ACCESSES.join(', ')}; ${hint}`;
        this.#fault(word.at, `${quote(access)} is no access.`, cure);
        return;
      }
    } else if (word.text === '' || ACCESSES.includes(word.text)) {
      const cure = `Write \`${kind} ${word.text || 'readwrite'} <filter>\`.`;
      this.#fault(behind.at, 'The topic filter is missing.', cure);
      return;
    }
    if (!this.#checkFilter(kind, filter)) return;
    if (this.rules.length >= RULES_MAX) {
      this.#fault(0, `There are more than ${RULES_MAX} rules.`, 'Replace many rules by few patterns.');
      return;
    }
    const username = kind === 'topic' ? this.#username : undefined;
    const rule: AclRule = { line: this.#line, kind, username, access: access as AclAccess, filter: filter.text };
    this.rules.push(Object.freeze(rule));
  }

  #checkFilter(kind: 'topic' | 'pattern', filter: Piece): boolean {
    if (Buffer.byteLength(filter.text) > FILTER_MAX_BYTES) {
      return this.#fault(filter.at, 'The topic filter is longer than MQTT can carry.', 'Shorten it.');
    }
    const levels = filter.text.split('/');
    if (levels.length > FILTER_LEVELS_MAX) {
      return this.#fault(
        filter.at,
        `The topic filter has more than ${FILTER_LEVELS_MAX} levels.`,
        'Shorten it with #.',
      );
    }
    if (levels[0] === '$share') {
      const cure = 'Write the filter behind `$share/<name>/`; it holds for shared subscriptions as well.';
      return this.#fault(filter.at, 'A rule never sees the `$share` of a subscription.', cure);
    }
    let at = filter.at;
    for (const [index, level] of levels.entries()) {
      if (!this.#checkLevel(kind, level, index === levels.length - 1, at)) return false;
      at += level.length + 1;
    }
    return true;
  }

  #checkLevel(kind: 'topic' | 'pattern', level: string, last: boolean, at: number): boolean {
    const hash = level.indexOf('#');
    if (hash >= 0 && !(level === '#' && last)) {
      return this.#fault(
        at + hash,
        'A "#" is not the whole last level.',
        'Write it alone, at the end, behind a slash.',
      );
    }
    const plus = level.indexOf('+');
    if (plus >= 0 && level !== '+') {
      return this.#fault(at + plus, 'A "+" is not a whole level.', 'Write it alone between two slashes.');
    }
    if (kind === 'topic') {
      if (level !== '%u' && level !== '%c') return true;
      const cure = 'Write `pattern` instead, which holds for every user.';
      return this.#fault(at, `A \`topic\` line takes "${level}" literally.`, cure);
    }
    if (PLACEHOLDER.test(level)) this.#placeholderLevels.add(level);
    if (this.#placeholderLevels.size > PLACEHOLDER_LEVELS_MAX) {
      const says = `There are more than ${PLACEHOLDER_LEVELS_MAX} different levels with %c or %u.`;
      return this.#fault(at, says, 'Give the placeholder a level of its own.');
    }
    return true;
  }

  /** `at` is counted from 0, the report's column from 1. */
  #fault(at: number, says: string, cure: string): false {
    this.faults.push({ line: this.#line, column: at + 1, says, cure });
    return false;
  }
}

/** The first word, and what follows it without the blanks between. */
function splitWord(piece: Piece): [word: Piece, rest: Piece] {
  const [, blanks = '', word = '', gap = ''] = /^( *)([^ ]*)( *)/.exec(piece.text)!;
  const wordAt = blanks.length;
  const restAt = wordAt + word.length + gap.length;
  return [
    { text: word, at: piece.at + wordAt },
    { text: piece.text.slice(restAt), at: piece.at + restAt },
  ];
}

/** Those that Mosquitto drops at the end of a line. By a loop: a pattern would go over inner blanks again and again. */
function withoutTrailingBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\r\v\f'.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
