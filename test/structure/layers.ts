/** The architecture as rules over imports: which room may know which, and what each may use of the outside. */
import { posix } from 'node:path';
import { isTest, lineAt, type SourceTree } from './source-tree.ts';

/** Rooms from the ground up; rooms on one line are siblings and do not know each other. `policy` stands for its rooms. */
const STOREYS: readonly (readonly string[])[] = [
  ['base'],
  ['mqtt'],
  ['policy', 'broker'],
  ['pipeline'],
  ['transports'],
  ['app'],
  ['assurance'],
  ['cli'],
];

/** Modules that touch sockets: only from `transports` up. */
const SOCKETS = /^(node:)?(net|tls|http|https|http2|dgram|dns)(\/|$)|^ws(\/|$)/;
/** What is only arithmetic in a module of sockets. */
const ADDRESS_NAMES = /^\s*\{\s*(?:(?:type\s+)?(?:isIP|isIPv4|isIPv6|BlockList|SocketAddress)\s*,?\s*)+\}\s*$/;
/** Modules that touch files and processes: policy decides, it does not read. */
const FILES = /^(node:)?(fs|child_process|cluster|sqlite)(\/|$)/;

export interface Import {
  readonly specifier: string;
  /** What stands between `import` and `from`; empty in the other forms. */
  readonly names: string;
  readonly line: number;
}

/** Static, dynamic and type imports, re-exports, and files named relative to the module (workers). */
export function importsOf(text: string): Import[] {
  const imports: Import[] = [];
  const forms = [
    /^\s*(?:import|export)\b(?<names>[^'"`;]*?)\bfrom\s*['"](?<specifier>[^'"]+)['"]/gm,
    /^\s*import\s*['"](?<specifier>[^'"]+)['"]/gm,
    /\bimport\(\s*['"](?<specifier>[^'"]+)['"]\s*\)/g,
    /\bnew URL\(\s*['"](?<specifier>\.[^'"]+\.(?:ts|js|mjs))['"]\s*,\s*import\.meta\.url\s*\)/g,
  ];
  for (const form of forms) {
    for (const match of text.matchAll(form)) {
      const { specifier = '', names = '' } = match.groups ?? {};
      imports.push({ specifier, names, line: lineAt(text, match.index + match[0].length) });
    }
  }
  return imports;
}

/** The room of a file below src/, such as `mqtt` or `policy/identity`; the kit and other tests are no room. */
function roomOf(path: string): string | undefined {
  const [top, first, second, third] = path.split('/');
  if (top !== 'src' || first === undefined || second === undefined) return undefined;
  return first === 'policy' && third !== undefined ? `policy/${second}` : first;
}

function storeyOf(room: string): number {
  const name = room.startsWith('policy/') ? 'policy' : room;
  return STOREYS.findIndex((rooms) => rooms.includes(name));
}

function resolve(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined;
}

/** Everything that breaks the architecture, one sentence each; empty when all is well. */
export function layerViolations(tree: SourceTree): string[] {
  const violations: string[] = [];
  for (const [path, text] of tree) {
    if (!path.startsWith('src/')) continue;
    const room = roomOf(path);
    if (room === undefined || storeyOf(room) === -1) {
      violations.push(`${path}: stands in no room of the design`);
      continue;
    }
    for (const { specifier, names, line } of importsOf(text)) {
      const at = `${path}:${line}`;
      const target = resolve(path, specifier);
      if (target === undefined) {
        if (isTest(path)) continue;
        const isArithmetic = ADDRESS_NAMES.test(names);
        if (storeyOf(room) < storeyOf('transports') && SOCKETS.test(specifier) && !isArithmetic) {
          violations.push(`${at}: ${room} opens no socket, and imports ${specifier}`);
        }
        if (
          (room === 'base' || room === 'mqtt' || room === 'pipeline' || room.startsWith('policy')) &&
          FILES.test(specifier)
        ) {
          violations.push(`${at}: ${room} does no input or output, and imports ${specifier}`);
        }
        continue;
      }
      if (!target.startsWith('src/')) {
        const isKit = isTest(path) && target.startsWith('test/kit/');
        // The version and the like come from package.json.
        if (!isKit && target !== 'package.json') violations.push(`${at}: imports ${target} from outside src`);
        continue;
      }
      const targetRoom = roomOf(target);
      if (targetRoom === undefined || targetRoom === room) continue;
      if (storeyOf(targetRoom) > storeyOf(room)) {
        violations.push(`${at}: imports point down, but ${room} imports ${targetRoom} above it`);
      } else if (storeyOf(targetRoom) === storeyOf(room)) {
        violations.push(`${at}: ${room} and ${targetRoom} are siblings and do not know each other`);
      }
      if (isTest(target)) violations.push(`${at}: imports a test`);
    }
  }
  return violations;
}

/** Circles of imports, each once, as `a -> b -> a`. */
export function importCycles(tree: SourceTree): string[] {
  const cycles = new Set<string>();
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    state.set(path, 'open');
    trail.push(path);
    for (const { specifier } of importsOf(tree.get(path) ?? '')) {
      const target = resolve(path, specifier);
      if (target === undefined || !tree.has(target)) continue;
      if (state.get(target) === 'open') {
        const circle = trail.slice(trail.indexOf(target));
        cycles.add([...circle, target].join(' -> '));
      } else if (state.get(target) === undefined) visit(target);
    }
    trail.pop();
    state.set(path, 'done');
  };
  for (const path of tree.keys()) if (state.get(path) === undefined) visit(path);
  return [...cycles];
}
