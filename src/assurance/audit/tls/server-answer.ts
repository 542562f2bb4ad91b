/** What a server answers to a ClientHello, read as bytes come: a choice, a refusal, or nonsense. */
import { type Offer, SSL2, SSL3, TLS12, TLS13, VERSION_NAMES } from './client-hello.ts';

export interface Accepted {
  readonly kind: 'accepted';
  readonly version: number;
  /** 0 for SSL 2. */
  readonly suite: number;
  /** The group that it wants, where it told with its first message (TLS 1.3). */
  readonly group?: number;
  /** Whether it asks the client for a certificate; undefined where that is encrypted or was not waited for. */
  readonly asksCertificate?: boolean;
  /** Certificates as they were sent, DER, the server's own first. With the whole flight only. */
  readonly certificates?: readonly Buffer[];
  /** Whether an OCSP answer was among them. */
  readonly isStapled?: boolean;
}

export interface Refused {
  readonly kind: 'refused';
  /** How, in words: `alert handshake_failure`, or `CLOSED`. */
  readonly by: string;
}

/** How an end without a word is told: it may be an answer, or a limit on connections. */
export const CLOSED = 'closed the connection';

export interface Nonsense {
  readonly kind: 'nonsense';
  readonly says: string;
}

export type Answer = Accepted | Refused | Nonsense;

const ALERTS: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  44: 'certificate_revoked',
  47: 'illegal_parameter',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  109: 'missing_extension',
  112: 'unrecognized_name',
};

/** Alerts that say no to what was offered. Others, such as `internal_error`, say that something else went wrong. */
const NO: ReadonlySet<number> = new Set([10, 40, 47, 50, 70, 71, 86, 109]);

const CHANGE_CIPHER_RECORD = 20;
const ALERT_RECORD = 21;
const HANDSHAKE_RECORD = 22;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const CERTIFICATE_STATUS = 22;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;
const RECORD_MAX_BYTES = 16_384 + 2048;
const MESSAGE_MAX_BYTES = 65_536;
/** SHA-256 of "HelloRetryRequest", which stands in the place of the random. */
const RETRY = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');
const SUPPORTED_VERSIONS = 0x002b;
const KEY_SHARE = 0x0033;

const nonsense = (says: string): Nonsense => ({ kind: 'nonsense', says });

export interface ReadOptions {
  readonly offer: Offer;
  /** Reads on to the end of the server's flight, which tells whether it asks for a certificate. TLS 1.2 and before. */
  readonly isFlightWanted: boolean;
}

/** Undefined while more bytes are needed. Whatever has come, from the first byte on. */
export function readAnswer(bytes: Buffer, { offer, isFlightWanted }: ReadOptions): Answer | undefined {
  if (offer.version === SSL2) return readSsl2(bytes);
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const [type, major, length] = [bytes[at]!, bytes[at + 1]!, bytes.readUInt16BE(at + 3)];
    // Behind the ServerHello of TLS 1.3; nothing of what follows is for us.
    if (type === CHANGE_CIPHER_RECORD && messages.length > 0) break;
    if ((type !== ALERT_RECORD && type !== HANDSHAKE_RECORD) || major !== 3)
      return nonsense(`what it sent is no TLS record (it begins with ${bytes.subarray(at, at + 5).toString('hex')})`);
    if (length > RECORD_MAX_BYTES || length === 0) return nonsense(`a record claims ${length} octets`);
    if (at + 5 + length > bytes.length) break;
    const body = bytes.subarray(at + 5, at + 5 + length);
    if (type === ALERT_RECORD) {
      const answer = readAlert(body);
      if (answer !== undefined) return answer;
    } else messages.push(body);
    at += 5 + length;
  }
  // What cannot be the begin of a record is told at once, not when the deadline comes.
  if (bytes.length > 0 && bytes[0] !== ALERT_RECORD && bytes[0] !== HANDSHAKE_RECORD)
    return nonsense(`what it sent is no TLS record (it begins with ${bytes.subarray(0, 5).toString('hex')})`);
  return readHandshake(Buffer.concat(messages), offer, isFlightWanted);
}

function readAlert(body: Buffer): Answer | undefined {
  if (body.length !== 2) return nonsense('an alert is not of two octets');
  const [level, description] = [body[0]!, body[1]!];
  const name = ALERTS[description] ?? String(description);
  // A warning, such as that the server's name is not known, does not end a handshake.
  if (level === 1 && description !== 0) return undefined;
  return NO.has(description) ? { kind: 'refused', by: `alert ${name}` } : nonsense(`it broke off with alert ${name}`);
}

function readHandshake(bytes: Buffer, offer: Offer, isFlightWanted: boolean): Answer | undefined {
  let accepted: Accepted | undefined;
  let asksCertificate = false;
  let isStapled = false;
  let certificates: readonly Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [type, length] = [bytes[at]!, bytes.readUIntBE(at + 1, 3)];
    if (length > MESSAGE_MAX_BYTES) return nonsense(`a handshake message claims ${length} octets`);
    if (accepted === undefined && type !== SERVER_HELLO) return nonsense(`it began with handshake message ${type}`);
    if (at + 4 + length > bytes.length) return undefined;
    if (accepted === undefined) {
      const answer = readServerHello(bytes.subarray(at + 4, at + 4 + length), offer);
      if (answer.kind !== 'accepted' || !isFlightWanted || answer.version === TLS13) return answer;
      accepted = answer;
    } else if (type === CERTIFICATE) certificates = readCertificates(bytes.subarray(at + 4, at + 4 + length));
    else if (type === CERTIFICATE_STATUS) isStapled = true;
    else if (type === CERTIFICATE_REQUEST) asksCertificate = true;
    else if (type === SERVER_HELLO_DONE) return { ...accepted, asksCertificate, certificates, isStapled };
    at += 4 + length;
  }
  return undefined;
}

/** What does not fit is left out: a certificate that is missed is told as such. */
function readCertificates(body: Buffer): Buffer[] {
  const certificates: Buffer[] = [];
  for (let at = 3; at + 3 <= body.length; ) {
    const end = at + 3 + body.readUIntBE(at, 3);
    if (end > body.length) break;
    certificates.push(body.subarray(at + 3, end));
    at = end;
  }
  return certificates;
}

function readServerHello(body: Buffer, offer: Offer): Answer {
  if (body.length < 38) return nonsense('its ServerHello is cut off');
  let version = body.readUInt16BE(0);
  const random = body.subarray(2, 34);
  const suiteAt = 35 + body[34]!;
  if (suiteAt + 3 > body.length) return nonsense('its ServerHello is cut off');
  const suite = body.readUInt16BE(suiteAt);
  let group: number | undefined;
  for (let at = suiteAt + 5; at + 4 <= body.length; ) {
    const [type, length] = [body.readUInt16BE(at), body.readUInt16BE(at + 2)];
    const value = body.subarray(at + 4, at + 4 + length);
    if (value.length !== length) return nonsense('an extension of its ServerHello is cut off');
    if (type === SUPPORTED_VERSIONS && length === 2) version = value.readUInt16BE(0);
    if (type === KEY_SHARE && length >= 2) group = value.readUInt16BE(0);
    at += 4 + length;
  }
  if (version < SSL3 || version > offer.version)
    return nonsense(`it chose version 0x${version.toString(16)}, which was not offered`);
  // An offer of TLS 1.3 names nothing else; only a server that does not know the extension may go below.
  if (offer.version === TLS13 && version === TLS12) return nonsense('it chose TLS 1.2, which was not offered');
  if (!offer.suites.includes(suite))
    return nonsense(`it chose cipher suite 0x${suite.toString(16)}, which was not offered`);
  if (version === TLS13) {
    if (!random.equals(RETRY)) return nonsense('it chose a key share that was not sent');
    if (group !== undefined && offer.groups !== undefined && !offer.groups.includes(group))
      return nonsense(`it chose group 0x${group.toString(16)}, which was not offered`);
  }
  return { kind: 'accepted', version, suite, ...(group === undefined ? {} : { group }) };
}

/** SERVER-HELLO is message 4, behind a length of two octets with the topmost bit set. */
function readSsl2(bytes: Buffer): Answer | undefined {
  if (bytes.length < 3) return undefined;
  if (bytes[0] === ALERT_RECORD && bytes[1] === 3) {
    if (bytes.length < 7) return undefined;
    return readAlert(bytes.subarray(5, 7)) ?? { kind: 'refused', by: 'a warning' };
  }
  if ((bytes[0]! & 0x80) === 0)
    return nonsense(`what it sent is no SSL 2 (it begins with ${bytes.subarray(0, 5).toString('hex')})`);
  if (bytes[2] === 0) return { kind: 'refused', by: 'SSL 2 error' };
  if (bytes.length < 7) return undefined;
  if (bytes[2] !== 4 || bytes.readUInt16BE(5) !== SSL2) return nonsense('what it sent is no SERVER-HELLO of SSL 2');
  return { kind: 'accepted', version: SSL2, suite: 0 };
}

export function versionName(version: number): string {
  return VERSION_NAMES[version] ?? `version 0x${version.toString(16)}`;
}
