/** Where exactly a broken packet breaks off: what tells apart two reports that one fault of the codec answers. */
import type { Frame } from '../../mqtt/frame.ts';
import { PropertyContext } from '../../mqtt/properties-table.ts';
import { Reader } from '../../mqtt/reader.ts';
import { DEFAULT_RULES } from '../../mqtt/rules.ts';
import type { ProtocolVersion } from '../../mqtt/wire.ts';

const FLAG_WILL = 0x04;
const FLAG_PASSWORD = 0x40;
const FLAG_USERNAME = 0x80;

/** Reads name, level, flags and keep-alive of a CONNECT. */
function readConnectHead(frame: Frame): { reader: Reader; level: number; flags: number } {
  const reader = new Reader(frame, DEFAULT_RULES);
  reader.text();
  const level = reader.u8();
  const flags = reader.u8();
  reader.u16();
  return { reader, level, flags };
}

/** A CONNECT that announces a user name or a password and has nothing behind what comes before them. */
export function endsBeforeCredentials(frame: Frame | undefined): boolean {
  if (frame === undefined) return false;
  const { reader, level, flags } = readConnectHead(frame);
  if ((flags & (FLAG_USERNAME | FLAG_PASSWORD)) === 0) return false;
  if (level === 5) reader.properties(PropertyContext.Connect);
  reader.text();
  if ((flags & FLAG_WILL) !== 0) {
    if (level === 5) reader.properties(PropertyContext.Will);
    reader.span();
    reader.span();
  }
  const hasBoth = (flags & FLAG_USERNAME) !== 0 && (flags & FLAG_PASSWORD) !== 0;
  if (reader.fault !== undefined) return false;
  if (reader.left === 0) return true;
  if (!hasBoth) return false;
  reader.span();
  return reader.fault === undefined && reader.left === 0;
}

export function hasWill(frame: Frame | undefined): boolean {
  if (frame === undefined) return false;
  const { reader, flags } = readConnectHead(frame);
  return reader.fault === undefined && (flags & FLAG_WILL) !== 0;
}

/** A SUBSCRIBE that ends right behind a topic filter. */
export function endsBeforeOptions(frame: Frame | undefined, version: ProtocolVersion): boolean {
  if (frame === undefined) return false;
  const reader = new Reader(frame, DEFAULT_RULES);
  reader.u16();
  if (version === 5) reader.properties(PropertyContext.Subscribe);
  while (reader.fault === undefined && reader.left > 0) {
    reader.span();
    if (reader.fault === undefined && reader.left === 0) return true;
    reader.u8();
  }
  return false;
}
