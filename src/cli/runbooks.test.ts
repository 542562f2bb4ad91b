/** The runbooks: a page for every alert, with commands and settings that exist. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { assertIsCommand, shellWords, shownCommands } from '../../test/kit/documented-commands.ts';
import { knownPaths } from '../app/config/json-schema.ts';
import { EVENT_LEVELS } from '../app/event-level.ts';
import { ALERTS } from '../app/observability/alert-catalogue.ts';

const RUNBOOKS = new URL('../../docs/runbooks/', import.meta.url);
const ALERTS_PAGE = new URL('../../docs/alerts.md', import.meta.url);
const HEADINGS = ['What it means', 'How to look', 'How to act', 'How to prevent'];
const pages = readdirSync(RUNBOOKS).sort();
const read = (page: string): string => readFileSync(new URL(page, RUNBOOKS), 'utf8');

describe('the runbooks', () => {
  it('are one for each alert, and no other', () => {
    assert.deepEqual(pages, ALERTS.map(({ name }) => `${name}.md`).sort());
  });

  it('are named in the table of docs/alerts.md, all of them', () => {
    const text = readFileSync(ALERTS_PAGE, 'utf8');
    assert.deepEqual(
      ALERTS.map(({ name }) => name).filter((name) => !text.includes(`\`${name}\``)),
      [],
    );
  });

  for (const page of pages) {
    const text = read(page);

    it(`${page} says what it means, how to look, how to act and how to prevent it`, () => {
      assert.ok(text.startsWith(`# ${page.replace(/\.md$/, '')}\n`));
      const parts = text.split(/^## /m).slice(1);
      assert.deepEqual(
        parts.map((part) => part.split('\n', 1)[0]),
        HEADINGS,
      );
      for (const part of parts) assert.ok(part.length > 90, part);
      for (const part of parts.slice(1)) assert.ok(shownCommands(part).length > 0, `no command in: ${part}`);
    });

    it(`${page} shows commands that the program understands`, async () => {
      for (const line of shownCommands(text)) await assertIsCommand(line);
    });

    it(`${page} names settings and events that exist`, () => {
      const known = new Set<string>([...knownPaths(), ...Object.keys(EVENT_LEVELS)]);
      const dotted = [...text.matchAll(/`([a-z][A-Za-z]*(?:(?:\[\])?\.[A-Za-z-]+)+)(?:`|:)/g)].map(([, name]) => name!);
      assert.deepEqual(
        dotted.filter((name) => !known.has(name)),
        [],
      );
    });
  }
});

describe('canary', () => {
  it('what is no command is noticed', async () => {
    const wrong = [
      'sallyport bann list',
      'sallyport ban lst',
      'sallyport ban add 192.0.2.7 --until x',
      'sallyport reload a',
    ];
    for (const line of wrong) await assert.rejects(assertIsCommand(line), line);
    assert.deepEqual(shellWords(`sallyport ban add x --reason "a b" > 'c d' # e`), [
      'sallyport',
      'ban',
      'add',
      'x',
      '--reason',
      'a b',
    ]);
  });
});
