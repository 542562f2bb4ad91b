/** What a first start tells: where it listens, and lines to paste that work as they stand. */
import { join, relative } from 'node:path';
import type { InitOutcome } from './initialize.ts';

export interface ListenerFacts {
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly port: number;
}

/** One argument of a POSIX shell, quoted only where it has to be. */
export function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A path as short as it can be from where the operator stands. */
function fromHere(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') || near === '' ? join(path) : near;
}

export function listening(listeners: readonly ListenerFacts[]): string {
  const rows = listeners.map(({ name, type, address, port }) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return `  ${name.padEnd(12)} ${type.padEnd(4)} ${host}:${port}`;
  });
  return rows.join('\n');
}

export interface FirstSteps {
  readonly listeners: readonly ListenerFacts[];
  readonly outcome: InitOutcome;
  /** False after `init`, which starts nothing. */
  readonly isRunning: boolean;
}

export function firstSteps({ listeners, outcome, isRunning }: FirstSteps): string {
  const { layout, user, operatorCode } = outcome;
  const directory = fromHere(layout.directory);
  const parts: string[] = [];
  if (!isRunning) {
    const where = directory === 'data' ? '' : ` --data ${shellQuoted(directory)}`;
    parts.push(`Start it with:\n\n  npx sallyport start${where}`);
  }
  const operator = operatorCode === undefined ? [] : [claimLine(directory, operatorCode.code)];
  if (user === undefined) {
    parts.push(...operator);
    parts.push(`The users are as they were. A new password for one: ${passwordLine(directory, 'NAME')}`);
    return `${parts.join('\n\n')}\n`;
  }

  const { username, password } = user;
  parts.push(
    `A first user was made. Its password is stored hashed and is shown only now:\n\n  user      ${username}\n  password  ${password}`,
  );
  const ca = shellQuoted(fromHere(layout.caCertificate));
  const login = `-u ${shellQuoted(username)} -P ${shellQuoted(password)}`;
  const topic = `devices/${username}/hello`;
  const tls = listeners.find(({ type }) => type === 'tls');
  if (tls !== undefined) {
    const client = `--cafile ${ca} -h localhost -p ${tls.port} ${login} -V 5`;
    parts.push(
      `Subscribe in one terminal, publish in another:\n\n  mosquitto_sub ${client} -t '${topic}' -v\n  mosquitto_pub ${client} -t '${topic}' -m 'Hello' -q 1`,
    );
  }
  const wss = listeners.find(({ type }) => type === 'wss');
  if (wss !== undefined) {
    const client = `--ca ${ca} -l wss -h localhost -p ${wss.port} --path /mqtt ${login}`;
    parts.push(
      `The same with MQTT.js over secure WebSocket:\n\n  npx mqtt sub ${client} -t '${topic}' -v\n  npx mqtt pub ${client} -t '${topic}' -m 'Hello' -q 1`,
    );
  }
  parts.push(
    `${username} may use topics below devices/${username}/ and nothing else; ${fromHere(layout.acl)} says so.\nA new password, or another user: ${passwordLine(directory, 'NAME')}`,
  );
  parts.push(...operator);
  return `${parts.join('\n\n')}\n`;
}

function claimLine(directory: string, code: string): string {
  const where = directory === 'data' ? '' : ` --data ${shellQuoted(directory)}`;
  return `Within a day this makes the first operator of the control API, once:\n\n  npx sallyport operators claim NAME${where}

It asks for this code: ${code}`;
}

function passwordLine(directory: string, username: string): string {
  const where = directory === 'data' ? '' : ` --data ${shellQuoted(directory)}`;
  return `npx sallyport passwd add ${username}${where}`;
}
