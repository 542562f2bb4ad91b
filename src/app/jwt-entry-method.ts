/** Builds the method for JSON Web Tokens that an entry of the chain describes, with its secret, its key files or its key set. */
import type { Clock } from '../base/clock.ts';
import { type KeySource, parseKeyFile, StaticKeys, secretKey } from '../policy/identity/jwt-keys.ts';
import { JwtMethod } from '../policy/identity/jwt-method.ts';
import type { ChainEntry } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { readSecret } from './config/secret.ts';
import type { KeySets } from './key-sets.ts';
import { readPlainText } from './plain-file.ts';

type JwtEntry = Extract<ChainEntry, { method: 'jwt' }>;

const FILE_SIZE_MAX_BYTES = 1024 * 1024;

export interface JwtServices {
  readonly clock: Clock;
  readonly keySets: KeySets;
}

/**
 * `isOnly`: no other entry takes tokens, so that this one refuses those of other issuers in its own words.
 * @throws {OperatorError} when a file cannot be read or a secret will not do, {FileFaultError} with what is wrong in a key file.
 */
export async function jwtMethod(
  entry: JwtEntry,
  { isOnly }: { isOnly: boolean },
  { clock, keySets }: JwtServices,
): Promise<JwtMethod> {
  const { name = 'jwt', tokenIn, algorithms, issuer, audience, requiredClaims, expiryRequired } = entry;
  const { usernameClaim, rolesClaim, groupsClaim, attributeClaims, limitsClaim } = entry;
  return new JwtMethod(
    {
      name,
      tokenIn,
      algorithms,
      keys: await keySource(entry, keySets),
      issuer,
      audience,
      requiredClaims,
      expiryRequired,
      ageMaxS: entry.ageMax === undefined ? undefined : entry.ageMax / 1000,
      clockToleranceS: entry.clockTolerance / 1000,
      tokenSizeMaxBytes: entry.tokenSizeMax,
      claims: { usernameClaim, rolesClaim, groupsClaim, attributeClaims, limitsClaim },
      leavesOtherIssuers: !isOnly,
    },
    clock,
  );
}

async function keySource(entry: JwtEntry, keySets: KeySets): Promise<KeySource> {
  const { name = 'jwt', algorithms, secret, secretEncoding, keys = [], jwks } = entry;
  if (secret !== undefined) {
    const text = await readSecret(secret, process.env);
    const key = secretKey(decodeSecret(text, secretEncoding, name), algorithms);
    if (typeof key === 'string') throw new OperatorError(`The entry ${name} of authentication.chain: ${key}`);
    return new StaticKeys([key]);
  }
  if (jwks !== undefined) {
    const ca = jwks.ca === undefined ? undefined : await readKeyText(jwks.ca);
    return keySets.at({ ...jwks, ca });
  }
  const found = await Promise.all(keys.map(async (file) => parseKeyFile(await readKeyText(file), file)));
  return new StaticKeys(found.flat());
}

function decodeSecret(text: string, encoding: 'utf8' | 'base64' | 'hex', name: string): Buffer {
  const form = { utf8: /^/, base64: /^[A-Za-z0-9+/_-]*={0,2}$/, hex: /^(?:[0-9A-Fa-f]{2})*$/ }[encoding];
  if (form.test(text)) return Buffer.from(text, encoding);
  throw new OperatorError(
    `The entry ${name} of authentication.chain: the secret is not written in ${encoding}, as secretEncoding says.`,
  );
}

async function readKeyText(file: string): Promise<string> {
  try {
    const text = await readPlainText(file);
    if (text.length <= FILE_SIZE_MAX_BYTES) return text;
  } catch (error) {
    throw new OperatorError(`The key file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  throw new OperatorError(`The key file ${file} is larger than 1 MiB, which no key is.`);
}
