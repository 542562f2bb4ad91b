/** How operators, their tokens, sessions and certificates are shown and asked for. No secret is in any of these. */
import { z } from 'zod';
import { choice, list, text } from '../../config/fields.ts';
import type { Operator } from '../../operators/accounts.ts';
import type { BoundCertificate } from '../../operators/certificates.ts';
import { listedScopes } from '../../operators/scope-set.ts';
import type { Session } from '../../operators/sessions.ts';
import type { Token } from '../../operators/tokens.ts';
import { ROLES, SCOPES } from '../scope.ts';

export const nameField = () =>
  text({ pattern: /^[a-z0-9][a-z0-9._@-]{0,63}$/, wanted: 'the name of an operator, in lower case' });
export const passwordField = () => z.string('give a password').min(1, 'give a password').max(1024, 'is too long');
export const roleField = () => choice(ROLES);
export const scopesField = () => list(choice(SCOPES), { min: 1, max: SCOPES.length, what: 'scopes' });
export const codeField = () =>
  text({ pattern: /^[A-Za-z0-9-]{6,32}$/, wanted: 'the six digits of the app, or a recovery code' });

const time = z.string().meta({ description: 'RFC 3339.' });
const timeOrNever = z.string().nullable().meta({ description: 'RFC 3339; null where it never was.' });
const scopesShown = z
  .array(z.enum(SCOPES))
  .nullable()
  .meta({ description: 'To what it is narrowed; null where it may all that the role may.' });

export const operatorSchema = z.strictObject({
  name: z.string(),
  role: z.enum(ROLES),
  scopes: scopesShown,
  isDisabled: z.boolean(),
  hasPassword: z.boolean(),
  hasTotp: z.boolean(),
  passkeys: z.int(),
  recoveryCodesLeft: z.int(),
  sso: z
    .strictObject({ issuer: z.string(), subject: z.string() })
    .nullable()
    .meta({ description: 'Where single sign-on vouches for it.' }),
  createdAt: time,
  passwordChangedAt: timeOrNever,
  lastLoginAt: timeOrNever,
});

export const tokenSchema = z.strictObject({
  id: z.string(),
  operator: z.string(),
  label: z.string(),
  scopes: scopesShown,
  createdAt: time,
  expiresAt: time,
  lastUsedAt: timeOrNever.meta({ description: 'To within a minute.' }),
  lastUsedFrom: z.string().nullable(),
});

export const sessionSchema = z.strictObject({
  id: z.string(),
  isThis: z.boolean().meta({ description: 'The one that asks.' }),
  method: z.string(),
  address: z.string(),
  agent: z.string().meta({ description: 'The browser, as it calls itself.' }),
  createdAt: time,
  lastUsedAt: time,
  expiresAt: time,
});

export const certificateField = {
  kind: choice(['fingerprint', 'subject']).meta({
    description: 'Of this very certificate, or of any with the subject.',
  }),
  value: text({ pattern: /^[^\0]{1,1024}$/, wanted: 'the SHA-256 in hexadecimal, or the subject on one line' }),
};
export const certificateSchema = z.strictObject({
  kind: z.enum(['fingerprint', 'subject']),
  value: z.string(),
  createdAt: time,
});

function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function isoOrNull(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : isoOf(epochMs);
}

export function operatorRecord(operator: Operator): z.input<typeof operatorSchema> {
  const { name, role, scopes, isDisabled, hash, hasTotp, passkeys, recoveryCodesLeft, sso } = operator;
  return {
    name,
    role,
    scopes: listedScopes(scopes) ?? null,
    isDisabled,
    hasPassword: hash !== undefined,
    hasTotp,
    passkeys,
    recoveryCodesLeft,
    sso: sso ?? null,
    createdAt: isoOf(operator.createdAtMs),
    passwordChangedAt: isoOrNull(operator.passwordChangedAtMs),
    lastLoginAt: isoOrNull(operator.lastLoginAtMs),
  };
}

export function tokenRecord(token: Token): z.input<typeof tokenSchema> {
  const { id, operator, label, scopes, lastUsedFrom } = token;
  return {
    id,
    operator,
    label,
    scopes: listedScopes(scopes) ?? null,
    createdAt: isoOf(token.createdAtMs),
    expiresAt: isoOf(token.expiresAtMs),
    lastUsedAt: isoOrNull(token.lastUsedAtMs),
    lastUsedFrom: lastUsedFrom ?? null,
  };
}

export function sessionRecord(session: Session, ownId: string): z.input<typeof sessionSchema> {
  const { id, method, address, agent } = session;
  return {
    id,
    isThis: id === ownId,
    method,
    address,
    agent,
    createdAt: isoOf(session.createdAtMs),
    lastUsedAt: isoOf(session.lastUsedAtMs),
    expiresAt: isoOf(session.expiresAtMs),
  };
}

export function certificateRecord({ kind, value, createdAtMs }: BoundCertificate): z.input<typeof certificateSchema> {
  return { kind, value, createdAt: isoOf(createdAtMs) };
}
