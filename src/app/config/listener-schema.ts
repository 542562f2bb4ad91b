/** One listener: where it listens, how it is secured, and who may speak for a client's address. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { networkField } from './bans-schema.ts';
import { clientIdsSchema } from './client-ids-schema.ts';
import { choice, complaint, duration, flag, list, section, text, wholeNumber } from './fields.ts';
import { listenerLimitsSchema } from './limits-schema.ts';
import { tlsSchema } from './tls-schema.ts';

export const LISTENER_TYPES = ['tcp', 'tls', 'ws', 'wss'] as const;
const ORIGINS_MAX = 64;
const NETWORKS_MAX = 256;

function isSecure(type: string): boolean {
  return type === 'tls' || type === 'wss';
}

function isWebSocket(type: string): boolean {
  return type === 'ws' || type === 'wss';
}

function checked(isRight: (given: string) => boolean, wanted: string) {
  const error = (issue: { input?: unknown }): string => complaint(issue.input, wanted);
  return z.string({ error }).refine(isRight, { error });
}

const websocketSchema = section({
  path: text({ pattern: /^\/[\x21-\x7e]{0,255}$/, wanted: 'a URL path such as /mqtt' })
    .prefault('/mqtt')
    .meta({ description: 'The one URL path that is served.' }),
  origins: list(
    checked(
      (given) => given === '*' || (URL.canParse(given) && new URL(given).origin === given),
      'an origin such as https://console.example.org, without a path, or "*" for all',
    ),
    { min: 0, max: ORIGINS_MAX, what: 'origins' },
  )
    .prefault([])
    .meta({
      description:
        'Web pages that may connect. A browser names its origin; one that is not listed is refused. Clients that name none pass.',
    }),
});

const proxyProtocolSchema = section({
  mode: choice(['off', 'v1', 'v2', 'any'])
    .prefault('off')
    .meta({ description: 'PROXY protocol version that the load balancer in front sends.' }),
  trusted: list(networkField(), { min: 0, max: NETWORKS_MAX, what: 'networks' })
    .prefault([])
    .meta({ description: 'Networks whose PROXY header is believed. Everyone else is refused.' }),
}).superRefine(
  (proxy, context) => {
    if (proxy.mode === undefined || proxy.mode === 'off' || proxy.trusted?.length !== 0) return;
    const message = 'is empty, so that nobody could connect: list the addresses of the load balancer';
    context.addIssue({ code: 'custom', path: ['trusted'], message });
  },
  { when: ({ value }) => typeof value === 'object' && value !== null },
);

export function listenerSchema(directory: string) {
  return section({
    name: text({
      pattern: /^[a-z0-9][a-z0-9-]{0,31}$/,
      wanted: 'a name of 1 to 32 lower-case letters, digits and hyphens',
    }).meta({
      description: 'What logs and commands call this listener.',
    }),
    type: choice(LISTENER_TYPES).meta({ description: 'MQTT over plain TCP, TLS, WebSocket, or secure WebSocket.' }),
    address: checked((given) => isIP(given) !== 0, 'an IP address such as 127.0.0.1, or "::" for all')
      .prefault('::')
      .meta({ description: 'Address to listen on; "::" is all of them, IPv4 too.' }),
    port: wholeNumber({ min: 0, max: 65_535 }).meta({ description: 'TCP port; 0 takes any that is free.' }),
    tls: tlsSchema(directory).optional().meta({ description: 'Of types tls and wss.' }),
    websocket: websocketSchema.optional().meta({ description: 'Of types ws and wss.', default: {} }),
    proxyProtocol: proxyProtocolSchema
      .prefault({})
      .meta({ description: 'Only behind a load balancer that speaks it.' }),
    clientIds: clientIdsSchema
      .optional()
      .meta({ description: 'What clients may call themselves here; without it as authentication.clientIds says.' }),
    anonymous: flag().prefault(false).meta({ description: 'Whether clients may connect without a user name.' }),
    connectionsMax: wholeNumber({ min: 1, max: 1_000_000 })
      .prefault(10_000)
      .meta({ description: 'Connections open at once; more are closed unanswered.' }),
    limits: listenerLimitsSchema
      .optional()
      .meta({ description: 'Ceilings of its connections in place of those of limits, and rates that they share.' }),
    handshakeTimeout: duration({ min: '1s', max: '2m' })
      .prefault('10s')
      .meta({ description: 'For PROXY header, TLS and WebSocket handshakes together.' }),
  })
    .superRefine(
      (listener, context) => {
        const { type } = listener;
        if (type === undefined || !LISTENER_TYPES.includes(type)) return;
        const complain = (key: string, message: string): void =>
          context.addIssue({ code: 'custom', path: [key], message });
        if (isSecure(type) && listener.tls === undefined) {
          complain('tls', `is missing: a listener of type ${type} needs a certificate and its key`);
        }
        if (!isSecure(type) && listener.tls !== undefined) {
          complain(
            'tls',
            `does not belong to a listener of type ${type}: make the type ${type === 'ws' ? 'wss' : 'tls'}, or remove this key`,
          );
        }
        if (!isWebSocket(type) && listener.websocket !== undefined) {
          complain(
            'websocket',
            `does not belong to a listener of type ${type}: make the type ${type === 'tls' ? 'wss' : 'ws'}, or remove this key`,
          );
        }
      },
      { when: ({ value }) => typeof value === 'object' && value !== null },
    )
    .transform(({ handshakeTimeout, websocket, ...rest }) => ({
      ...rest,
      /** File and line, for errors; known once the file is. */
      place: '',
      handshakeTimeoutMs: handshakeTimeout,
      websocket: isWebSocket(rest.type) ? (websocket ?? { path: '/mqtt', origins: [] }) : undefined,
    }));
}
