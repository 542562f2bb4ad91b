/** docs/bans.md shows commands and configuration: whoever pastes them must get what the page says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseBanSubject, subjectText } from '../../policy/detection/bans/ban.ts';
import { bansSchema } from '../config/bans-schema.ts';
import { detectionSchema } from '../config/detection-schema.ts';
import { responseSchema } from '../config/response-schema.ts';
import { referenceProblems } from '../config/upstream-references.ts';
import { upstreamsSchema } from '../config/upstream-schema.ts';

const PAGE = readFileSync(new URL('../../../docs/bans.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]!);
}

test('what docs/bans.md configures is valid', () => {
  const shown = blocks('yaml');
  assert.ok(shown.length >= 3);
  for (const block of shown) {
    const { bans, detection, response, authorization, upstreams, ...rest } = parse(block) as Record<string, unknown>;
    assert.deepEqual(rest, {}, block);
    if (bans !== undefined) bansSchema.parse(bans);
    if (detection !== undefined) detectionSchema.parse(detection);
    if (response !== undefined) responseSchema.parse(response);
    // A decoy is an upstream.
    if (upstreams !== undefined) {
      assert.deepEqual(
        referenceProblems({ upstreams: upstreamsSchema('.').parse(upstreams), response: response as object }),
        [],
      );
    }
    // Roles need a policy.
    if (block.includes('role:')) assert.deepEqual(Object.keys(authorization as object), ['policyFile']);
  }
});

test('whom the commands of docs/bans.md name can be banned', () => {
  const lines = blocks('sh').flatMap((block) => block.trim().split('\n'));
  const subjects = lines.flatMap((line) => /^sallyport ban (?:add|why|remove) (\S+)/.exec(line)?.[1] ?? []);
  assert.ok(subjects.length >= 5);
  for (const text of subjects) {
    const subject = parseBanSubject(text);
    assert.ok(typeof subject !== 'string', `${text}: ${String(subject)}`);
    assert.match(subjectText(subject), /^(address|network|client):/);
  }
});
