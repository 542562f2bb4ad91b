/** Grants, conditions and assignments in words, for explanations. */
import type { Conditions, Grant, Selector } from './policy-form.ts';

/** Such as `allow publish, receive on cmd/# when with TLS, not retained`. */
export function describeGrant({ effect, actions, topic, when }: Grant): string {
  const conditions = describeConditions(when);
  return `${effect} ${actions.join(', ')} on ${topic}${conditions === '' ? '' : `, ${conditions}`}`;
}

export function describeConditions(when: Conditions): string {
  return (Object.keys(when) as (keyof Conditions)[]).map((key) => describeCondition(when, key)).join(', ');
}

export function describeCondition(when: Conditions, key: keyof Conditions): string {
  switch (key) {
    case 'qosMax':
      return when.qosMax === 0 ? 'at QoS 0' : `up to QoS ${when.qosMax}`;
    case 'retain':
      return when.retain === true ? 'retained' : 'not retained';
    case 'payloadMaxBytes':
      return `up to ${when.payloadMaxBytes} bytes`;
    case 'hours':
      return `within ${when.hours?.map(({ text }) => text).join(' or ')}`;
    case 'networks':
      return `from ${when.networks?.join(' or ')}`;
    case 'listeners':
      return `through listener ${when.listeners?.join(' or ')}`;
    case 'tls':
      return 'with TLS';
  }
}

/** Whom an assignment means, such as `group ops from 10.0.0.0/8`. */
export function describeSelector(to: Selector): string {
  const { who, users, groups, identityRoles, clientIds, listeners, networks, attributes = [] } = to;
  const parts = [
    who,
    listed('user', users),
    listed('group', groups),
    listed('identity role', identityRoles),
    listed('client', clientIds),
    ...attributes.map(({ name, values }) => listed(name, values)),
    listed('on listener', listeners),
    listed('from', networks),
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'everyone' : parts.join(' ');
}

function listed(what: string, names: readonly string[] | undefined): string | undefined {
  return names === undefined ? undefined : `${what} ${names.join(' or ')}`;
}
