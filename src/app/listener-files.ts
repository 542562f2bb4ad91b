/** A listener's options, with the certificates, keys and trust files that the configuration names. */
import { type PskFile, parsePskFile } from '../policy/identity/psk-file.ts';
import type { ListenerOptions } from '../transports/listener-options.ts';
import type { ListenerConfig, TlsConfig } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { readSecret } from './config/secret.ts';
import { readPlainFile } from './plain-file.ts';
import { textOf } from './text-file.ts';

/**
 * What is in most of the files is judged by the listener.
 * @throws {OperatorError} when one cannot be read, {FileFaultError} with all that is wrong in the pre-shared keys.
 */
export async function listenerOptions(config: ListenerConfig): Promise<ListenerOptions> {
  const { name, type, address, port, connectionsMax, handshakeTimeoutMs, proxyProtocol, place } = config;
  const { websocket } = config;
  return {
    name,
    place,
    type,
    host: address,
    port,
    connectionsMax,
    handshakeTimeoutMs,
    proxyProtocol,
    ...(config.tls === undefined ? {} : { tls: await tlsOptions(config, config.tls) }),
    ...(websocket === undefined ? {} : { webSocket: websocket }),
  };
}

async function tlsOptions(listener: ListenerConfig, tls: TlsConfig): Promise<NonNullable<ListenerOptions['tls']>> {
  const read = async (file: string, what: string): Promise<string> => String(await readBytes(listener, file, what));
  const certificates = await Promise.all(
    tls.certificates.map(async ({ certificate, key, passphrase }) => ({
      certificatePem: await read(certificate, 'certificate'),
      keyPem: await read(key, 'private key'),
      certificateFile: certificate,
      keyFile: key,
      ...(passphrase === undefined ? {} : { passphrase: await readSecret(passphrase, process.env) }),
    })),
  );
  const { pskFile, pskIdentityHint: identityHint } = tls;
  return {
    certificates,
    ...(pskFile === undefined ? {} : { psk: { file: await readPskFile(listener, pskFile), identityHint } }),
    versionMin: tls.versionMin,
    ocspStapling: tls.ocspStapling,
    clientCertificate: tls.clientCertificate,
    ...(tls.clientCa === undefined
      ? {}
      : { clientCaPem: await read(tls.clientCa, 'client CA'), clientCaFile: tls.clientCa }),
  };
}

/** @throws {OperatorError} or {FileFaultError}, as `listenerOptions`. */
export async function readPskFile(listener: ListenerConfig, file: string): Promise<PskFile> {
  return parsePskFile(textOf(await readBytes(listener, file, 'file of pre-shared keys'), file), file);
}

async function readBytes({ name, place }: ListenerConfig, file: string, what: string): Promise<Buffer> {
  try {
    return await readPlainFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const cure = code === 'EACCES' ? 'let the user that the gateway runs as read it' : 'correct the path';
    throw new OperatorError(`${place}: the ${what} ${file} of listener ${name} cannot be read (${code}); ${cure}.`);
  }
}
