/**
 * Where the control API is served: over the control socket always, whose file's mode is the access control, and over HTTPS where
 * the configuration says so.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { AppLoader } from './app-loader.ts';
import type { ControlApp } from './http-app.ts';
import { REQUEST_TIMEOUT_MS, SERVER_OPTIONS, serveHttp } from './http-listener.ts';
import { localAuthenticator } from './local-authenticator.ts';
import type { Authenticator } from './principal.ts';
import { closeServer } from './server-close.ts';
import type { ControlServices } from './services.ts';

/** Commands are short; those who watch events stay. */
const SOCKET_CONNECTIONS_MAX = 64;
/** A socket's path ends up in a fixed field of the kernel's: 108 bytes on Linux, 104 elsewhere, one of them a NUL. */
const PATH_LENGTH_MAX_BYTES = process.platform === 'linux' ? 107 : 103;

export interface ControlServerOptions {
  /** Of the control socket. */
  readonly path: string;
  readonly services: ControlServices;
  readonly config: Config['control'];
  /** Of the HTTPS listener; nobody is let in there without one. */
  readonly authenticator?: Authenticator;
}

export interface ControlServer {
  /** The HTTPS listener, with its actual port; undefined where there is none. */
  readonly https: { readonly address: string; readonly port: number } | undefined;
  /**
   * Takes up what a reload can change; names the settings that only a restart puts into force. What cannot be read is told as an
   * event, and all stays as it is.
   */
  apply(config: Config['control']): Promise<string[]>;
  /** Stops listening and removes the socket's file. */
  close(): Promise<void>;
}

/**
 * Listens at `path`, and on the configured port. INVARIANT: the caller holds the lock of the data directory, so that a socket
 * which is there already is a dead one's. Throws an `OperatorError` where it cannot be done; nothing is left open then.
 */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { services, config, authenticator } = options;
  const loader = new AppLoader(services);
  const app = (): Promise<ControlApp> => loader.get();
  const socket = await openSocket(options, app);
  try {
    const https =
      config.port === undefined
        ? undefined
        : await (await import('./https-listener.ts')).openHttpsListener({ services, config, authenticator, app });
    let isFailing = false;
    loader.begin();
    return {
      https,
      async apply(next) {
        if (https === undefined || next.port === undefined) {
          return next.port === https?.port ? [] : ['control.port'];
        }
        try {
          const restartNeeded = await https.apply(next);
          const { address, port } = https;
          if (isFailing) services.emit({ name: 'listener.opened', listener: 'control', address, port, type: 'https' });
          isFailing = false;
          return restartNeeded;
        } catch (error) {
          // Whatever is open goes on with the certificate that it has.
          isFailing = true;
          services.emit({ name: 'listener.failed', listener: 'control', says: (error as Error).message });
          return [];
        }
      },
      async close() {
        loader.close();
        await Promise.all([socket.close(), https?.close()]);
      },
    };
  } catch (error) {
    await socket.close();
    throw error;
  }
}

async function openSocket(
  { path, services }: ControlServerOptions,
  app: () => Promise<ControlApp>,
): Promise<{ close(): Promise<void> }> {
  const lengthBytes = Buffer.byteLength(path);
  if (lengthBytes > PATH_LENGTH_MAX_BYTES) {
    throw new OperatorError(
      `The path of the control socket is ${lengthBytes} bytes long, and the system takes ${PATH_LENGTH_MAX_BYTES}: choose a shorter dataDirectory than ${path}.`,
    );
  }
  rmSync(path, { force: true });
  const server = createServer(SERVER_OPTIONS);
  const serving = serveHttp(server, {
    services,
    app,
    name: 'control socket',
    connectionsMax: SOCKET_CONNECTIONS_MAX,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    admit: () => ({ authenticator: localAuthenticator, address: undefined, certificate: undefined }),
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ message }) => {
      reject(new OperatorError(`The control socket ${path} cannot be made: ${message}.`));
    });
    // The file must never be there with more rights, not even until the next line.
    const umask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
  });
  chmodSync(path, 0o600);
  // A client that vanishes, or too many at once, are not the gateway's trouble.
  server.on('error', () => undefined);
  return { close: () => closeServer(server, serving) };
}
