/** Fails with every finding on a line of its own: the runner would cut a long list short. */
import assert from 'node:assert/strict';

export function assertNone(findings: readonly string[]): void {
  assert.ok(findings.length === 0, `${findings.length} found:\n  ${findings.join('\n  ')}`);
}
