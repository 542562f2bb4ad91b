/** A syslog message as RFC 5424 has it. The content is printable text of one line. */
import type { LogLevel } from '../../event-level.ts';

/** RFC 5424, table 1. */
const FACILITY_CODES: Readonly<Record<string, number>> = {
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};

/** RFC 5424, table 2. */
const SEVERITY_CODES: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** MSGID has 32 characters at most, HOSTNAME 255, and none of them takes a space. */
const MSGID_LENGTH_MAX = 32;
const HOSTNAME_LENGTH_MAX = 255;

export interface SyslogHeader {
  readonly facility: string;
  readonly level: LogLevel;
  readonly atMs: number;
  readonly host: string;
  readonly pid: number;
  readonly id: string;
}

export function syslogMessage({ facility, level, atMs, host, pid, id }: SyslogHeader, content: string): string {
  const priority = (FACILITY_CODES[facility] ?? 4) * 8 + SEVERITY_CODES[level];
  const time = new Date(atMs).toISOString();
  return `<${priority}>1 ${time} ${word(host, HOSTNAME_LENGTH_MAX)} sallyport ${pid} ${word(id, MSGID_LENGTH_MAX)} - ${content}`;
}

function word(text: string, lengthMax: number): string {
  const plain = text.replace(/[^\x21-\x7e]/g, '_').slice(0, lengthMax);
  return plain === '' ? '-' : plain;
}
