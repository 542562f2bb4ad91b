/** How the passwords of a file in Mosquitto's format are hashed: shared by the brokers that keep one. */
import type { Source } from '../model/fact.ts';
import { evidence, fail, type Outcome, pass } from '../model/outcome.ts';

/** A PBKDF2 with fewer is guessed too fast. mosquitto_passwd itself makes 101, which only protects good passwords. */
const ITERATIONS_MIN = 101;

function schemeFault(line: string): string | undefined {
  const encoded = line.slice(line.indexOf(':') + 1);
  if (encoded.startsWith('$argon2id$')) return undefined;
  if (encoded.startsWith('$6$')) return 'sha512-once';
  const iterations = /^\$7\$(\d+)\$/.exec(encoded)?.[1];
  if (iterations === undefined) return 'no-known-hash';
  return Number(iterations) < ITERATIONS_MIN ? 'few-iterations' : undefined;
}

/** One outcome for each kind of fault, or one that says that there is none. */
export function describeHashes(text: string, source: Source): Outcome[] {
  const subject = source.from;
  const lines = text.split('\n').filter((line) => line.includes(':') && !line.startsWith('#'));
  const faults = new Map<string, number>();
  for (const line of lines) {
    const fault = schemeFault(line);
    if (fault !== undefined) faults.set(fault, (faults.get(fault) ?? 0) + 1);
  }
  const expected = `$7$ with ${ITERATIONS_MIN} iterations or more, or $argon2id$`;
  if (faults.size === 0) return [pass(evidence(`${lines.length} users`, expected, source), { subject })];
  return [...faults].map(([reason, count]) =>
    fail(reason, evidence(`${count} of ${lines.length} users: ${reason}`, expected, source), { subject }),
  );
}
