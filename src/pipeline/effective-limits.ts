/** A connection's ceilings: the policy's, where nothing is said of this client in particular. */
import type { DecodeRules } from '../mqtt/rules.ts';
import type { Ceilings } from '../policy/limits/membership.ts';
import type { ConnectionLimits, ConnectionPolicy } from './policy.ts';

export interface EffectiveLimits {
  readonly limits: ConnectionLimits;
  readonly decodeRules: DecodeRules;
}

/** What is said of a user, a role or a client stands in place of what holds for everybody. */
export function limitsFor(policy: ConnectionPolicy, ceilings: Ceilings | undefined): EffectiveLimits {
  if (ceilings === undefined || Object.keys(ceilings).length === 0) return policy;
  const { limits, decodeRules } = policy;
  return {
    limits: {
      ...limits,
      packetSizeMaxBytes: ceilings.packetSizeMax?.max ?? limits.packetSizeMaxBytes,
      willSizeMaxBytes: ceilings.willSizeMax?.max ?? limits.willSizeMaxBytes,
      inflightMax: ceilings.inflightMax?.max ?? limits.inflightMax,
      subscriptionsPerClientMax: ceilings.subscriptionsPerClientMax?.max ?? limits.subscriptionsPerClientMax,
      topicAliasMax: ceilings.topicAliasMax?.max ?? limits.topicAliasMax,
      retainedMessagesMax: ceilings.retainedMessagesMax?.max ?? limits.retainedMessagesMax,
      retainedBytesMax: ceilings.retainedBytesMax?.max ?? limits.retainedBytesMax,
    },
    decodeRules: {
      ...decodeRules,
      userPropertiesMax: ceilings.userPropertiesMax?.max ?? decodeRules.userPropertiesMax,
    },
  };
}
