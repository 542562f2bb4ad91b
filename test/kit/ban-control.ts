/** Bans and pardons of a running gateway, asked through its control socket as the command does, without starting one for each. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { askGateway, type ControlRequest } from '../../src/app/control/client.ts';
import { CONTROL_SOCKET } from '../../src/app/control/control-socket.ts';
import { systemClock } from '../../src/base/clock.ts';

export interface BanControl {
  ban(subject: string, duration: string): Promise<void>;
  unban(subject: string): Promise<void>;
}

/** Of the gateway with that data directory. */
export function banControl(directory: string): BanControl {
  const ask = async (request: ControlRequest): Promise<void> => {
    const asked = await askGateway(path.join(directory, CONTROL_SOCKET), request, systemClock);
    assert.equal(asked.kind, 'answered', JSON.stringify(asked));
  };
  return {
    ban: (subject, duration) => ask({ method: 'POST', path: '/v1/bans', body: { subject, for: duration } }),
    unban: (subject) => ask({ method: 'DELETE', path: '/v1/bans', query: { subject } }),
  };
}
