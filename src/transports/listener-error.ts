/** What an operator is told when a listener cannot open or take new settings: one sentence with the place and the cure. */

export type ListenerErrorCode =
  | 'address_in_use'
  | 'address_not_available'
  | 'permission_denied'
  | 'listen_failed'
  | 'settings_invalid'
  | 'needs_reopening'
  | 'certificate_unreadable'
  | 'certificate_expired'
  | 'certificate_not_yet_valid'
  | 'key_unreadable'
  | 'key_mismatch'
  | 'passphrase_missing'
  | 'passphrase_wrong'
  | 'client_ca_missing'
  | 'client_ca_unreadable';

export class ListenerError extends Error {
  readonly code: ListenerErrorCode;
  /** Name of the listener in the configuration. */
  readonly listener: string;

  constructor(code: ListenerErrorCode, listener: string, says: string, cause?: unknown) {
    super(`listener ${listener}: ${says}`, cause === undefined ? undefined : { cause });
    this.name = 'ListenerError';
    this.code = code;
    this.listener = listener;
  }
}

/** The error with the place in the configuration that it is about. */
export function placed(error: unknown, place: string | undefined): unknown {
  if (!(error instanceof ListenerError) || place === undefined || error.message.startsWith(place)) return error;
  error.message = `${place}: ${error.message}`;
  return error;
}

/** The error for a socket that could not listen. */
export function listenError(listener: string, host: string, port: number, cause: NodeJS.ErrnoException): ListenerError {
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return new ListenerError(
        'address_in_use',
        listener,
        `${at} is in use by another program; stop that one (\`ss -ltnp 'sport = :${port}'\` names it) or choose another port`,
        cause,
      );
    case 'EACCES':
    case 'EPERM':
      return new ListenerError(
        'permission_denied',
        listener,
        port < 1024
          ? `${at} is refused by the system, which keeps ports below 1024 for itself; choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE`
          : `${at} is refused by the system; choose another port, or look into its security policy`,
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new ListenerError(
        'address_not_available',
        listener,
        cause.code === 'EAFNOSUPPORT' && host.includes(':')
          ? `this machine has no IPv6; write \`address: 0.0.0.0\``
          : `${host} is no address of this machine; choose one that \`ip address\` shows, or '::' for all`,
        cause,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenerError(
        'address_not_available',
        listener,
        `the host name ${host} has no address; correct it, or write the address itself`,
        cause,
      );
    default:
      return new ListenerError('listen_failed', listener, `cannot listen on ${at}: ${cause.message}`, cause);
  }
}
