/** The entry of the chain for JSON Web Tokens. */
import { z } from 'zod';
import { isSymmetric, JWT_ALGORITHMS } from '../../../policy/identity/jwt-algorithms.ts';
import { choice, complaint, duration, flag, list, path, section, size, text } from '../fields.ts';
import { secret } from '../secret.ts';
import { entry } from './entry.ts';

const FILES_MAX = 16;
const NAMES_MAX = 64;

function about(description: string): { description: string } {
  return { description };
}

const claimName = () => text({ pattern: /^[\x21-\x7e]{1,128}$/, wanted: 'the name of a claim, such as sub' });
const plainText = (wanted: string) => text({ pattern: /^[^\p{Cc}]{1,1024}$/u, wanted });

/** A user part would be a secret in the file, and http a key set that anybody on the way can replace. */
function isHttpsUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password, hash } = new URL(given);
  return protocol === 'https:' && username === '' && password === '' && hash === '';
}

function jwksSchema(directory: string) {
  const wanted = 'a URL that begins with https://, without a user name or a fragment';
  const error = (issue: { input?: unknown }): string => complaint(issue.input, wanted);
  return section({
    url: z.string({ error }).refine(isHttpsUrl, { error }).meta(about('Where the issuer publishes its keys.')),
    ca: path(directory)
      .optional()
      .meta(about('PEM file of the CAs that its certificate must come from; without it those of the runtime.')),
    refresh: duration({ min: '1m', max: '7d' }).prefault('10m').meta(about('Older keys are fetched anew.')),
    staleMax: duration({ min: '1m', max: '30d' })
      .prefault('1d')
      .meta(about('How long keys serve that cannot be fetched anew; then tokens are refused.')),
    timeout: duration({ min: '100ms', max: '1m' }).prefault('5s').meta(about('For one fetch.')),
  }).transform(({ refresh, staleMax, timeout, ...rest }) => ({
    ...rest,
    refreshMs: refresh,
    staleMaxMs: staleMax,
    timeoutMs: timeout,
  }));
}

export function jwtEntry(directory: string) {
  return entry(z.literal('jwt'), {
    tokenIn: choice(['password', 'username'])
      .prefault('password')
      .meta(about('Where 3.1.1 clients put the token. MQTT 5 clients may also use the authentication method JWT.')),
    algorithms: list(choice(JWT_ALGORITHMS), { min: 1, max: JWT_ALGORITHMS.length, what: 'algorithms' }).meta(
      about('Signatures that are accepted; of HMACs or of public keys, never of both in one entry.'),
    ),
    secret: secret(directory).optional().meta(about('Where the shared secret of HS256, HS384 or HS512 is kept.')),
    secretEncoding: choice(['utf8', 'base64', 'hex']).prefault('utf8').meta(about('How the secret is written.')),
    keys: list(path(directory), { min: 1, max: FILES_MAX, what: 'files' })
      .optional()
      .meta(about('Files with public keys: PEM, a certificate, a JWK or a JWK Set.')),
    jwks: jwksSchema(directory).optional().meta(about('The JWK Set of the issuer, fetched when it is needed.')),
    issuer: plainText('the text of the claim iss').optional().meta(about('What the claim iss has to be.')),
    audience: list(plainText('the text of the claim aud'), { min: 1, max: NAMES_MAX, what: 'audiences' })
      .optional()
      .meta(about('Of these the claim aud has to name one.')),
    requiredClaims: list(claimName(), { min: 0, max: NAMES_MAX, what: 'claims' })
      .prefault([])
      .meta(about('Claims that have to be there.')),
    expiryRequired: flag().prefault(true).meta(about('Whether a token without the claim exp is refused.')),
    ageMax: duration({ min: '1s', max: '365d' })
      .optional()
      .meta(about('Longest time since the claim iat, whatever exp says.')),
    clockTolerance: duration({ min: '0s', max: '10m' })
      .prefault('30s')
      .meta(about("By how much the issuer's clock may differ from ours.")),
    tokenSizeMax: size({ min: '256B', max: '64KiB' }).prefault('8KiB').meta(about('Largest token.')),
    usernameClaim: claimName().prefault('sub').meta(about('The claim with the user name.')),
    rolesClaim: claimName().optional().meta(about('The claim with roles: a list, or one text with blanks between.')),
    groupsClaim: claimName().optional().meta(about('The claim with groups, likewise.')),
    limitsClaim: claimName()
      .optional()
      .meta(about('The claim with limits of the client, as a map such as {"publish.messagesPerSecond": 10}.')),
    attributeClaims: list(claimName(), { min: 0, max: NAMES_MAX, what: 'claims' })
      .optional()
      .meta(about('Claims that become attributes, as claim.NAME; without it all that hold a single value.')),
  }).superRefine(
    (given, context) => {
      const complain = (key: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [key], message });
      const sources = (['secret', 'keys', 'jwks'] as const).filter((key) => given[key] !== undefined);
      const algorithms = Array.isArray(given.algorithms)
        ? given.algorithms.filter((name) => JWT_ALGORITHMS.includes(name))
        : [];
      if (algorithms.length === 0) return;
      const symmetric = algorithms.filter(isSymmetric);
      if (symmetric.length > 0 && symmetric.length < algorithms.length) {
        complain('algorithms', 'mixes HMACs with signatures of public keys: make an entry for each kind');
        return;
      }
      const wanted = symmetric.length > 0 ? ['secret'] : ['keys', 'jwks'];
      for (const key of sources) {
        if (!wanted.includes(key)) {
          complain(key, `does not go with ${algorithms.join(', ')}: give ${wanted.join(' or ')}, or change algorithms`);
        }
      }
      const fitting = sources.filter((key) => wanted.includes(key));
      if (fitting.length === 0) complain('algorithms', `has no key to verify with: give ${wanted.join(' or ')}`);
      if (fitting.length > 1) complain('jwks', 'stands beside keys: remove one of the two, or make two entries');
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}
