/** How bad a weakness is, and what each degree weighs in the score. */

/** From worst to least. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Points of a check in the score. What only informs weighs nothing. */
export const SEVERITY_WEIGHT: Readonly<Record<Severity, number>> = {
  critical: 20,
  high: 8,
  medium: 3,
  low: 1,
  info: 0,
};

/** Whether `severity` is as bad as `threshold` or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold);
}

export function worstSeverity(severities: readonly Severity[]): Severity | undefined {
  return SEVERITIES.find((severity) => severities.includes(severity));
}
