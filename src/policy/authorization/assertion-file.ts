/** Reads a file of assertions about a policy that stands elsewhere: for tests that do not belong into what is deployed. */
import { readAssertion } from './assertion-reader.ts';
import { FaultList } from './fault-list.ts';
import { GrantReader } from './grant-reader.ts';
import { readList, readMap } from './policy-fields.ts';
import { ASSERTIONS_MAX } from './policy-file.ts';
import type { Assertion, Policy } from './policy-form.ts';
import { readYaml } from './policy-yaml.ts';

/** @throws {FileFaultError} with everything that is wrong in it, roles that the policy does not have included. */
export function parseAssertionFile(text: string, file: string, { roles }: Policy): readonly Assertion[] {
  const faults = new FaultList(file);
  const grants = new GrantReader(faults);
  const known = new Map(roles.map((role) => [role.name, role]));
  const tree = readYaml(text.startsWith('\ufeff') ? text.slice(1) : text, faults);
  const list = tree && readMap(tree, 'A file of assertions', ['assertions'], faults)?.get('assertions')?.value;
  const items = list === undefined ? [] : readList(list, 'The list of assertions', faults);
  if (items.length === 0 || items.length > ASSERTIONS_MAX) {
    const says =
      items.length === 0 ? 'The file has no assertions.' : `There are more than ${ASSERTIONS_MAX} assertions.`;
    const cure =
      'Give it `assertions`: a list such as `- never: anonymous publish #`, in quotes where `#` stands alone.';
    if (faults.count === 0)
      faults.add({ line: 1, column: 1 }, says, items.length === 0 ? cure : 'Make several files of it.');
  }
  const assertions = faults.count > 0 ? [] : items.flatMap((item) => readAssertion(item, known, grants, faults) ?? []);
  faults.throwIfAny();
  return Object.freeze(assertions);
}
