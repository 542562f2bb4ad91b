import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { documented } from '../../../test/kit/documented.ts';
import type { Contract } from '../../policy/detection/detector.ts';
import { DETECTORS } from '../../policy/detection/registry.ts';
import { VIRTUAL_PATCHES } from '../../policy/detection/virtual-patches.ts';
import { detectionSchema } from '../config/detection-schema.ts';
import { knownPaths } from '../config/json-schema.ts';

const ROOT = new URL('../../../', import.meta.url);
const PAGE = new URL('docs/detection.md', ROOT);
const read = (): string => readFileSync(PAGE, 'utf8');

function detectorRow({ name, sees, says, severity, metric, technique }: Contract): string {
  const defaults = detectionSchema.parse({})[name as keyof typeof DETECTORS];
  const cells = [`\`${name}\``, sees, says, severity, defaults.responses.join(', '), metric ?? '', technique];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function detectorTable(): string {
  const head = ['detector', 'sees', 'says, by default thresholds', 'severity', 'response', 'metric', 'technique'];
  const rows = Object.values(DETECTORS).map(({ contract }) => detectorRow(contract));
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n');
}

function patchTable(): string {
  const rows = VIRTUAL_PATCHES.map(({ name, also = [], fells, packet, stoppedBy, isInnocent }) => {
    const by = typeof stoppedBy === 'string' ? 'a check' : 'the codec';
    const names = [`\`${name}\``, ...also].join(', ');
    return `| ${[names, fells, packet, by, isInnocent === true ? 'no' : 'yes'].join(' | ')} |`;
  });
  const head = ['patch', 'what it brings down', 'packet', 'stopped by', 'suspect'];
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n');
}

/** After a change: UPDATE_GOLDEN=1 node --test src/app/detection/documented.test.ts */
function holds(name: string, table: string): void {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = read();
  const from = text.indexOf(open) + open.length;
  const until = text.indexOf(close);
  assert.ok(until > from, `the page has no place for ${name}`);
  const wanted = `\n\n${table}\n\n`;
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(PAGE, text.slice(0, from) + wanted + text.slice(until));
  else assert.equal(text.slice(from, until), wanted);
}

describe('docs/detection.md', () => {
  it('has every contract as the detectors have it', () => holds('detectors', detectorTable()));
  it('has every virtual patch', () => holds('virtual patches', patchTable()));

  it('shows a configuration that is taken', () => {
    const { detection } = parse(documented('detection.md', 'Configuration', 'thresholds and responses')) as {
      detection: unknown;
    };
    assert.equal(detectionSchema.parse(detection).bruteForce.failuresPerAddress, 5);
  });

  it('names guards and tests that exist, for every threat', () => {
    const known = new Set(knownPaths());
    const table = read().split('## Threat, guard, test')[1]!;
    const rows = [...table.matchAll(/^\| (?!attack|---)(.*?) \| (.*?) \| (.*) \|$/gm)].map((row) =>
      row.slice(1).map(String),
    );
    assert.ok(rows.length >= 25, `${rows.length} rows`);
    for (const [attack = '', guards = '', tests = ''] of rows) {
      const named = [...guards.matchAll(/`([^`]+)`/g)].map(([, guard]) => guard!);
      assert.ok(named.length > 0, attack);
      for (const guard of named) {
        assert.ok(
          guard.startsWith('src/') ? existsSync(new URL(guard, ROOT)) : known.has(guard),
          `${attack}: ${guard}`,
        );
      }
      const shown = [...tests.matchAll(/`([^`]+)` "([^"]*)"/g)];
      assert.ok(shown.length > 0, attack);
      for (const [, file, words] of shown) {
        const text = readFileSync(new URL(file!, ROOT), 'utf8').replaceAll("\\'", "'");
        const also = file!.includes('broker-killers')
          ? readFileSync(new URL('test/kit/broker-killers.ts', ROOT), 'utf8')
          : '';
        assert.ok((text + also).includes(words!), `${attack}: ${file} has no "${words}"`);
      }
    }
  });

  it('speaks of every detector among the guards', () => {
    const table = read().split('## Threat, guard, test')[1]!;
    const silent = Object.keys(DETECTORS).filter((name) => !table.includes(`\`detection.${name}\``));
    assert.deepEqual(silent, []);
  });
});
