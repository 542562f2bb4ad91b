/** The `control.operators` section: how operators log in, and for how long that holds. */
import { z } from 'zod';
import { choice, complaint, duration, list, path, section, text } from './fields.ts';
import { secret } from './secret.ts';

const GROUPS_MAX = 256;
const SCOPES_MAX = 32;

function about(description: string): { description: string } {
  return { description };
}

/** `https://host`, perhaps with a port: what a browser sends as `Origin`. */
function isOrigin(given: string): boolean {
  return URL.canParse(given) && given.startsWith('https://') && new URL(given).origin === given;
}

/** Where OpenID Connect begins: https, no query, no fragment, no password. */
function isIssuer(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, search, hash, username, password } = new URL(given);
  return protocol === 'https:' && search === '' && hash === '' && username === '' && password === '';
}

function url(is: (given: string) => boolean, wanted: string) {
  const error = (issue: { input?: unknown }): string => complaint(issue.input, wanted);
  return z.string({ error }).refine(is, { error });
}

const demand = () => choice(['optional', 'required']);
const claim = () => text({ pattern: /^[\x21-\x7e]{1,128}$/, wanted: 'the name of a claim' });

const secondFactorSchema = section({
  viewer: demand().prefault('optional').meta(about('Of those who only look.')),
  operator: demand().prefault('optional').meta(about('Of those who ban, limit and disconnect.')),
  admin: demand().prefault('required').meta(about('Of those who may everything.')),
});

const sessionsSchema = section({
  idleTimeout: duration({ min: '1m', max: '1d' })
    .prefault('30m')
    .meta(about('A session that is not used for so long ends.')),
  lifetime: duration({ min: '5m', max: '30d' }).prefault('12h').meta(about('Whatever is done, a session ends then.')),
  stepUpAfter: duration({ min: '1m', max: '1d' })
    .prefault('10m')
    .meta(about('A proof that is older does not do for operators, tokens and factors: it is asked for again.')),
}).transform(({ idleTimeout, lifetime, stepUpAfter }) => ({
  idleTimeoutMs: idleTimeout,
  lifetimeMs: lifetime,
  stepUpAfterMs: stepUpAfter,
}));

function ssoSchema(directory: string) {
  return section({
    issuer: url(isIssuer, 'the https URL of the issuer, such as https://id.example.org/realms/plant').meta(
      about('The OpenID provider; what it says of itself is read from there.'),
    ),
    clientId: text({ pattern: /^[\x21-\x7e]{1,255}$/, wanted: 'the client ID that the provider has given out' }).meta(
      about('As the provider knows the gateway.'),
    ),
    clientSecret: secret(directory)
      .optional()
      .meta(about('Where the secret is kept that goes with it; without one the gateway is a public client.')),
    ca: path(directory).optional().meta(about("PEM file of the CAs that the provider's certificate may come from.")),
    scopes: list(text({ pattern: /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, wanted: 'a scope' }), {
      min: 0,
      max: SCOPES_MAX,
      what: 'scopes',
    })
      .prefault(['profile'])
      .meta(about('What is asked for beside openid; the claim with the groups has to come with one of them.')),
    groupsClaim: claim().prefault('groups').meta(about('The claim of the ID token that lists groups.')),
    nameClaim: claim()
      .prefault('preferred_username')
      .meta(about('The claim that a new account takes its name from; it is known by issuer and subject all the same.')),
    roles: list(
      section({
        group: text({ pattern: /^[^\0]{1,256}$/, wanted: 'the name of a group' }).meta(about('As the claim has it.')),
        role: choice(['viewer', 'operator', 'admin']).meta(about('What its members are.')),
      }),
      { min: 1, max: GROUPS_MAX, what: 'groups' },
    ).meta(about('Which groups bring which role; the highest holds, and who is in none is refused.')),
  });
}

export function operatorsSchema(directory: string) {
  return section({
    publicUrl: url(isOrigin, 'the https origin that browsers use, such as https://gateway.example.org:9443')
      .optional()
      .meta(about('Where browsers find the control API; passkeys and single sign-on need it.')),
    secondFactor: secondFactorSchema
      .prefault({})
      .meta(about('Whether a role needs an authenticator app or a passkey beside its password.')),
    sessions: sessionsSchema.prefault({}).meta(about('How long a login in a browser holds.')),
    tokenLifetimeMax: duration({ min: '1h', max: '3650d' })
      .prefault('365d')
      .meta(about('Longest life that an API token may be given.')),
    sso: ssoSchema(directory).optional().meta(about('Single sign-on by OpenID Connect.')),
  })
    .superRefine(
      ({ sso, publicUrl }, context) => {
        if (sso === undefined || publicUrl !== undefined) return;
        const message = 'is missing: give the https origin that browsers use, which the provider sends them back to';
        context.addIssue({ code: 'custom', path: ['publicUrl'], message });
      },
      { when: ({ value }) => typeof value === 'object' && value !== null },
    )
    .transform(({ tokenLifetimeMax, ...rest }) => ({ ...rest, tokenLifetimeMaxMs: tokenLifetimeMax }));
}
