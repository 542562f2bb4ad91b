/** A new password of a built-in user: given and held against the rules, or made up; and what is kept of it. */
import { type Chance, readableToken } from '../../base/chance.ts';
import { hashPassword } from '../../policy/identity/password-hash.ts';
import { isPrepared, makeScramVerifier, SCRAM_MECHANISMS } from '../../policy/identity/scram-verifier.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { passwordFault } from './password-rules.ts';

const GENERATED_LENGTH = 20;

export interface NewPassword {
  readonly hash: string;
  /** Only where it was made up. */
  readonly shown: string | undefined;
  /** By mechanism; undefined where the user does not log in by SCRAM. */
  readonly verifiers: Readonly<Record<string, string>> | undefined;
}

export interface NewPasswordOptions {
  readonly chance: Chance;
  readonly rules: Config['authentication']['passwordRules'];
  readonly isScram: boolean;
  /** Of the user's present and former passwords, the youngest first. */
  readonly hashes: readonly string[];
}

/** Without a given one it is made up. @throws {OperatorError} where it breaks the rules. */
export async function newPassword(
  username: string,
  given: string | undefined,
  { chance, rules, isScram, hashes }: NewPasswordOptions,
): Promise<NewPassword> {
  const password = given ?? readableToken(chance, GENERATED_LENGTH);
  const fault = given === undefined ? undefined : await passwordFault(given, username, hashes, rules);
  if (fault !== undefined) throw new OperatorError(`${fault} Nothing was changed.`);
  const verifiers = isScram ? await verifiersOf(username, password, chance) : undefined;
  const hash = await hashPassword(Buffer.from(password), chance);
  return { hash, shown: given === undefined ? password : undefined, verifiers };
}

async function verifiersOf(username: string, password: string, chance: Chance): Promise<Record<string, string>> {
  if (!isPrepared(username) || !isPrepared(password)) {
    throw new OperatorError('For SCRAM name and password have to be printable ASCII. Nothing was changed.');
  }
  const made = SCRAM_MECHANISMS.map(async (mechanism) => [
    mechanism,
    await makeScramVerifier(mechanism, password, chance),
  ]);
  return Object.fromEntries(await Promise.all(made)) as Record<string, string>;
}
