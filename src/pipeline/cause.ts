/** Why connections end, with author, reason code and words. */
import type { DisconnectPacket } from '../mqtt/packet.ts';
import { Reason } from '../mqtt/reason.ts';
import type { DownstreamEnd } from './downstream.ts';

export interface Cause {
  reason: number;
  by: string;
  says: string;
}

const CLIENT_LEFT: Cause = { reason: Reason.Success, by: 'client', says: 'the client disconnected' };

/** What a client hears; where brokers stand, and what is wrong with them, is for those who read events. */
export const UNAVAILABLE = 'the upstream is not available';
export const UPSTREAM_GONE: Cause = { reason: Reason.ServerBusy, by: 'upstream', says: 'the upstream went away' };

export const TOO_SLOW: Cause = {
  reason: Reason.QuotaExceeded,
  by: 'limit:slowReaderTimeout',
  says: 'the client did not read what was sent to it in time',
};

/** The client's own word. */
export function causeOfDisconnect({ reasonCode, properties }: DisconnectPacket): Cause {
  if (reasonCode === Reason.Success) return CLIENT_LEFT;
  return { reason: reasonCode, by: 'client', says: properties.reasonString ?? CLIENT_LEFT.says };
}

/** What the socket's end says where nobody has said anything before. */
export function causeOfEnd({ by, says }: DownstreamEnd): Cause {
  return {
    reason: Reason.UnspecifiedError,
    by: by === 'us' ? 'transport' : 'client',
    says: says === '' ? 'the connection was closed without a DISCONNECT' : `the connection broke: ${says}`,
  };
}

export function silence(keepAliveS: number): Cause {
  const says = `no packet came for one and a half times the keep-alive of ${keepAliveS} s`;
  return { reason: Reason.KeepAliveTimeout, by: 'keep-alive', says };
}

/** It connected and has done nothing but ping since (SlowTT). */
export const PING_ONLY: Cause = {
  reason: Reason.MaximumConnectTime,
  by: 'limit:pingOnlyMax',
  says: 'the client neither subscribes nor publishes',
};

export function dripping(receiveRateMinBytesPerS: number): Cause {
  const says = `a packet comes more slowly than ${receiveRateMinBytesPerS} bytes a second`;
  return { reason: Reason.QuotaExceeded, by: 'limit:receiveRateMin', says };
}

/**
 * What did not come in time, from the open connection to its CONNACK. `dallies`: an AUTH of the client's was due. Where it was not
 * the client who was late, the reason says so, and nobody is suspected.
 */
export function connectTimeout(state: 'connecting' | 'authenticating' | 'opening', dallies: boolean): Cause {
  const by = 'limit:connectTimeout';
  switch (state) {
    case 'connecting':
      return { reason: Reason.MaximumConnectTime, by, says: 'no whole CONNECT came in time' };
    case 'authenticating':
      if (dallies) return { reason: Reason.NotAuthorized, by, says: "the client's next AUTH did not come in time" };
      return { reason: Reason.ServerBusy, by, says: 'authentication took too long' };
    case 'opening':
      return { reason: Reason.ServerUnavailable, by, says: 'the upstream did not answer in time' };
  }
}
