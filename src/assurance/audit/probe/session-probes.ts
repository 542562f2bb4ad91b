/** What one may do to another's session, and what a Will may that its client may not. Both sessions are the probe's own. */
import { NO_PROPERTIES } from '../../../mqtt/properties.ts';
import { type Fact, known, unknown } from '../model/fact.ts';
import { enter } from './access-probes.ts';
import { hears, leave, type ProbeSession, publish, subscribe } from './session.ts';

const PUT_OUT_MS = 1500;
const WITNESS_MS = 2000;
const SESSION_EXPIRY_S = 60;

export interface WillOutcome {
  /** The client itself may publish there. */
  readonly mayPublish: boolean;
  readonly isDelivered: boolean;
}

function twoLogins(session: ProbeSession) {
  const [first, second] = session.endpoint.logins;
  return first === undefined || second === undefined
    ? unknown('permission-denied', 'It takes two users: give --user and --user2.')
    : { first, second };
}

export async function probeTakeover(session: ProbeSession): Promise<Fact<boolean>> {
  const logins = twoLogins(session);
  if ('state' in logins) return logins;
  const clientId = `sallyport-audit-${session.nonce()}`;
  const victim = await enter(session, { login: logins.first, clientId });
  if ('state' in victim) return victim;
  const other = await session.connect({ login: logins.second, clientId });
  const isPutOut = await victim.line.endsWithin(PUT_OUT_MS);
  if ('line' in other) leave(other.line);
  leave(victim.line);
  return 'state' in other ? other : known(isPutOut, session.endpoint.url);
}

export async function probeInheritance(session: ProbeSession): Promise<Fact<boolean>> {
  const logins = twoLogins(session);
  if ('state' in logins) return logins;
  const clientId = `sallyport-audit-${session.nonce()}`;
  const topic = `${session.topicRoot}/inherited`;
  const properties = { sessionExpiryIntervalS: SESSION_EXPIRY_S };
  const owner = await enter(session, { login: logins.first, clientId, properties });
  if ('state' in owner) return owner;
  await subscribe(owner.line, [topic], 1);
  leave(owner.line);
  const writer = await enter(session, { login: logins.first });
  if ('state' in writer) return writer;
  const canary = session.nonce();
  const answer = await publish(writer.line, topic, canary);
  leave(writer.line);
  if (answer !== 0) return unknown('permission-denied', 'The canary may not be published.');
  const heir = await session.connect({ login: logins.second, clientId, cleanStart: false, properties });
  if ('state' in heir) return heir;
  const isHeard = 'line' in heir && (await hears(heir.line, canary, WITNESS_MS, session.services));
  if ('line' in heir) leave(heir.line);
  // The session is ended by its owner, so that nothing of it is left.
  const last = await session.connect({ login: logins.first, clientId, cleanStart: true });
  if ('line' in last) leave(last.line);
  return known(isHeard, session.endpoint.url);
}

export async function probeWill(session: ProbeSession): Promise<Fact<WillOutcome>> {
  const topic = `${session.topicRoot}/will`;
  const witness = await enter(session, { login: session.endpoint.logins[1] ?? session.endpoint.logins[0] });
  if ('state' in witness) return witness;
  await subscribe(witness.line, [topic]);
  const canary = session.nonce();
  const will = { topic, payload: Buffer.from(canary), qos: 0 as const, retain: false, properties: NO_PROPERTIES };
  const dying = await session.connect({ login: session.endpoint.logins[0], will });
  if ('state' in dying) return dying;
  // A broker that refuses the CONNECT for its Will has authorized it.
  if ('answer' in dying) {
    leave(witness.line);
    return known({ mayPublish: false, isDelivered: false }, session.endpoint.url);
  }
  const mayPublish = (await publish(dying.line, topic, 'before')) === 0;
  dying.line.close();
  const isDelivered = await hears(witness.line, canary, WITNESS_MS, session.services);
  leave(witness.line);
  return known({ mayPublish, isDelivered }, session.endpoint.url);
}
