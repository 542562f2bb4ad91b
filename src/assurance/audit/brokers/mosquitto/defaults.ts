/** Mosquitto's defaults, which differ by version: what a setting is that nobody has set. */

/** Versions from 2.1 on, and those before. */
export type DefaultTable = '2.0' | '2.1';

const COMMON: Readonly<Record<string, string>> = {
  allow_zero_length_clientid: 'true',
  auto_id_prefix: 'auto-',
  // The manual says true; the binaries of both tables begin with everything false, and never set this one.
  check_retain_source: 'false',
  connection_messages: 'true',
  enable_control_api: 'false',
  enable_proxy_protocol: '',
  disable_client_cert_date_checks: 'false',
  max_connections: '-1',
  max_inflight_bytes: '0',
  max_inflight_messages: '20',
  max_keepalive: '0',
  max_queued_bytes: '0',
  max_queued_messages: '1000',
  message_size_limit: '0',
  per_listener_settings: 'false',
  protocol: 'mqtt',
  require_certificate: 'false',
  sys_interval: '10',
  tls_version: '',
  use_identity_as_username: 'false',
  use_subject_as_username: 'false',
  use_username_as_clientid: 'false',
};

const TABLES: Readonly<Record<DefaultTable, Readonly<Record<string, string>>>> = {
  '2.0': { ...COMMON, max_packet_size: '0' },
  '2.1': { ...COMMON, max_packet_size: '2000000', global_max_connections: '-1', global_max_clients: '-1' },
};

/** The empty text where there is no default. */
export function defaultOf(table: DefaultTable, name: string): string {
  return TABLES[table][name] ?? '';
}

/** The table of a version such as `2.0.11-1+deb12u2`; that of 2.0, the cautious one, where none is known. */
export function tableOf(version: string | undefined): DefaultTable {
  const match = /^(?:\d+:)?(\d+)\.(\d+)/.exec(version ?? '');
  if (match === null) return '2.0';
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 2 || (major === 2 && minor >= 1) ? '2.1' : '2.0';
}
