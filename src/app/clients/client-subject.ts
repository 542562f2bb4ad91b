/** A client identifier as limits and bans name it. */
import { subjectOf, subjectText } from '../../policy/detection/bans/ban.ts';
import { OperatorError } from '../config/problem.ts';

/** `client:d42`. @throws {OperatorError} where no client can be called so. */
export function readClientSubject(id: string): string {
  const subject = subjectOf('clientId', id);
  if (subject !== undefined) return subjectText(subject);
  throw new OperatorError('A client identifier has 1 to 1024 characters, and no control characters.');
}
