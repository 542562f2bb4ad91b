/** Whether an endpoint lets a client in whose certificate is known to be revoked. */
import { randomBytes } from 'node:crypto';
import type { Fact } from '../model/fact.ts';
import { known, unknown } from '../model/fact.ts';
import type { Endpoint } from './endpoint.ts';
import { type HandshakeOptions, withTls } from './handshake.ts';

export interface RevokedTry {
  readonly isLetIn: boolean;
  /** What happened, in words. */
  readonly observed: string;
}

/** CONNACK that accepts [MQTT-3.2]. */
const isAccepting = (bytes: Buffer): boolean => bytes.length >= 4 && bytes[0] === 0x20 && bytes[3] === 0;
const isConnack = (bytes: Buffer): boolean => bytes.length >= 4 && bytes[0] === 0x20;
const DISCONNECT = Buffer.of(0xe0, 0);

/**
 * A handshake alone does not tell: TLS 1.3 ends before the server has seen the certificate, and some look at it later. So a session is
 * opened, and ended at once. Whatever might have another reason than the revocation is unknown.
 */
export function tryRevokedClient(endpoint: Endpoint, options: HandshakeOptions): Promise<Fact<RevokedTry>> {
  const from = `an MQTT CONNECT to ${endpoint.host}:${endpoint.port} with the revoked certificate`;
  return withTls<RevokedTry>(endpoint, options, {}, (socket, settle) => {
    let isSecure = false;
    socket.on('secureConnect', () => {
      isSecure = true;
      socket.write(mqttConnect(`sallyport-audit-${randomBytes(4).toString('hex')}`));
    });
    socket.on('data', (bytes: Buffer) => {
      if (isAccepting(bytes)) {
        socket.write(DISCONNECT);
        settle(known({ isLetIn: true, observed: 'CONNACK 0: the client is in' }, from));
      } else if (isConnack(bytes)) {
        settle(unknown('unsupported', `MQTT refused with code ${bytes[3]}, which may have another reason.`));
      } else settle(unknown('unsupported', 'What it answered to the revoked client is no MQTT.'));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? '';
      if (/CERTIFICATE_REVOKED/.test(code))
        settle(known({ isLetIn: false, observed: 'alert certificate_revoked' }, from));
      else if (/ALERT/.test(code))
        settle(unknown('unsupported', `It refused, but not for the revocation (${code.replace(/^ERR_SSL_/, '')}).`));
    });
    socket.on('close', () => {
      if (isSecure) settle(unknown('unreachable', 'It ended the connection of the revoked client without a reason.'));
    });
  });
}

/** MQTT 3.1.1, a clean session, no user. */
function mqttConnect(clientId: string): Buffer {
  const variable = Buffer.from('00044d5154540402003c', 'hex');
  const id = Buffer.from(clientId);
  const rest = Buffer.concat([variable, Buffer.of(0, id.length), id]);
  return Buffer.concat([Buffer.of(0x10, rest.length), rest]);
}
