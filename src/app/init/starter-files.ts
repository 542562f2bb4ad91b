/** What the first configuration and the first ACL say. Defaults and their explanations come from the schema itself. */
import { stringify } from 'yaml';
import { configJsonSchema, type JsonSchema } from '../config/json-schema.ts';

export const FIRST_USER = 'device1';
export const MQTTS_PORT = 8883;
export const WSS_PORT = 8084;

export const STARTER_ACL = `# Who may read and write which topics, in Mosquitto's syntax. What no line grants is denied. A policy file
# (authorization.policyFile) can do more: roles, conditions, explanations; docs/policy.md shows how.
# After a change: npx sallyport check, then npx sallyport reload.

# Every user has a namespace of its own; %u stands for the user name.
pattern readwrite devices/%u/#

# A user with wider rights, as an example:
# user dashboard
# topic read devices/#
`;

const HEAD = `# Sallyport's configuration. Relative paths start at this file. A line that begins with #: is a default; take the #: away
# to change it. After a change: npx sallyport check, then npx sallyport reload. Sizes are bytes or have a unit (256KiB),
# durations always have one (200ms, 30s, 5m, 12h, 7d).

`;

const LISTENERS = `# What clients connect to. Nothing listens that is not named here.
listeners:
  # MQTT over TLS
  - name: mqtts
    type: tls
    port: ${MQTTS_PORT}
    tls:
      certificates:
        - certificate: certs/server.crt
          key: certs/server.key
  # MQTT over secure WebSocket, at /mqtt; name the web pages that may connect under websocket.origins
  - name: wss
    type: wss
    port: ${WSS_PORT}
    tls:
      certificates:
        - certificate: certs/server.crt
          key: certs/server.key
    #: websocket: { path: /mqtt, origins: [] }
`;

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
}

function section(name: string, schema: JsonSchema): string {
  const lines = [`# ${schema.description}`, `${name}:`];
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    // What has no default is no line to take the mark from.
    if (inner.default === undefined) continue;
    lines.push(`  # ${inner.description}`, `  #: ${key}: ${flow(inner.default)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** \`schemaPath\` is where an editor finds the schema, seen from the file; without it the editor is not told. */
export function starterConfig(schemaPath: string | undefined): string {
  const schema = configJsonSchema();
  const parts: string[] = [];
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    if (name === 'listeners') parts.push(LISTENERS);
    else if (inner.properties !== undefined) parts.push(section(name, inner));
    else parts.push(`# ${inner.description}\n#: ${name}: ${flow(inner.default)}\n`);
  }
  const hint = schemaPath === undefined ? '' : `# yaml-language-server: $schema=${schemaPath}\n`;
  return `${hint}${HEAD}${parts.join('\n')}`;
}
