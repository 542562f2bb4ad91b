/** Stores of operators for tests, and logins before them, with a clock that a test moves. */
import { join } from 'node:path';
import { Logins } from '../../src/app/operators/logins.ts';
import { OperatorStore } from '../../src/app/operators/operator-store.ts';
import { systemChance } from '../../src/base/chance.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { GatewayEvent } from '../../src/base/events.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import { hashPassword } from '../../src/policy/identity/password-hash.ts';
import { decodeBase32, stepAt, totpCode } from '../../src/policy/identity/totp.ts';

const MINUTE_MS = 60_000;

export const BY = { by: 'local:root', from: 'command line' };
export const ORIGIN = { address: '192.0.2.1', agent: 'Test/1' };
export const PASSWORD = 'gravel-otter-93-lantern';
/** Hashing is slow on purpose: once is enough. */
export const PASSWORD_HASH = await hashPassword(Buffer.from(PASSWORD), systemChance);

let count = 0;

export function operatorStore(directory: string, clock = new ManualClock()) {
  const path = join(directory, `operators-${count++}.db`);
  const open = (): OperatorStore =>
    new OperatorStore({
      path,
      clock,
      chance: systemChance,
      tokens: { lifetimeMaxMs: 90 * 24 * 60 * MINUTE_MS },
      sessions: { idleTimeoutMs: 30 * MINUTE_MS, lifetimeMs: 12 * 60 * MINUTE_MS, stepUpAfterMs: 10 * MINUTE_MS },
    });
  return { path, clock, store: open(), open };
}

/** With `ada` the admin, who needs a second factor, `bob` the operator and `eve` the viewer, all with the same password. */
export function operatorLogins(directory: string) {
  const { clock, store, ...rest } = operatorStore(directory);
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent): void => void events.push(event);
  for (const [name, role] of [
    ['ada', 'admin'],
    ['bob', 'operator'],
    ['eve', 'viewer'],
  ] as const) {
    store.accounts.add({ name, role, hash: PASSWORD_HASH }, BY);
  }
  const secondFactor = { viewer: 'optional', operator: 'optional', admin: 'required' } as const;
  const logins = new Logins({ store, clock, chance: systemChance, emit, secondFactor });
  return { ...rest, clock, store, logins, events, emit };
}

/** What the app shows now, `steps` of thirty seconds later. */
export function appCode(secret: string, clock: Pick<Clock, 'epochMs'>, steps = 0): string {
  return totpCode(decodeBase32(secret)!, stepAt(clock.epochMs()) + steps);
}

/** Gives an operator an authenticator app; returns its secret in base32, and the recovery codes. */
export function enrolApp(store: OperatorStore, clock: ManualClock, name: string) {
  const { secret } = store.secondFactors.begin('test', name);
  const recoveryCodes = store.secondFactors.confirm('test', name, appCode(secret, clock), BY)!;
  clock.advance(30_000);
  return { secret, recoveryCodes };
}
