/** Sizes as people write them: `256KiB` (1024 each), `1MB` (1000 each), or a plain number of bytes. */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

export const SIZE_PATTERN = /^(\d{1,12}) ?(B|KB|MB|GB|KiB|MiB|GiB)$/;

/** Bytes, or undefined where the value is not a size. */
export function parseSizeBytes(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = SIZE_PATTERN.exec(value);
  return match === null ? undefined : Number(match[1]) * UNIT_BYTES[match[2]!]!;
}
