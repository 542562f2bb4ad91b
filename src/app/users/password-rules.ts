/** Whether a new password may be one: long enough, hard enough to guess, and none of the last. */
import { isHashFault, parsePasswordHash } from '../../policy/identity/password-hash.ts';
import type { Config } from '../config/config.ts';

type Rules = Config['authentication']['passwordRules'];

/** What each score of zxcvbn stands for, in guesses. */
const GUESSES = ['a thousand', 'a million', 'a hundred million', 'ten billion'];

/** Why the password is refused, in one sentence; undefined when it may be used. `hashes` are the user's, the youngest first. */
export async function passwordFault(
  password: string,
  username: string,
  hashes: readonly string[],
  rules: Rules,
): Promise<string | undefined> {
  const length = [...password].length;
  if (length < rules.lengthMin) {
    return `The password has ${length} characters, and ${rules.lengthMin} is the least (authentication.passwordRules.lengthMin).`;
  }
  if (rules.strengthMin > 0) {
    const { score, warning } = await judge(password, username);
    if (score < rules.strengthMin) {
      const because = warning === '' ? '' : ` ${warning}`;
      return `The password would be guessed within ${GUESSES[score]} attempts, a strength of ${score} where ${rules.strengthMin} is the least (authentication.passwordRules.strengthMin).${because}`;
    }
  }
  for (const encoded of hashes.slice(0, rules.historyMax)) {
    const hash = parsePasswordHash(encoded);
    if (!isHashFault(hash) && (await hash.verify(Buffer.from(password)))) {
      return `The password is one of the last ${rules.historyMax} of this user (authentication.passwordRules.historyMax).`;
    }
  }
  return undefined;
}

/** The dictionaries are some megabytes: they are loaded only here. */
async function judge(password: string, username: string): Promise<{ score: number; warning: string }> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  const factory = new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
  });
  const { score, feedback } = factory.check(password, [username, 'sallyport', 'mqtt']);
  return { score, warning: feedback.warning ?? '' };
}
