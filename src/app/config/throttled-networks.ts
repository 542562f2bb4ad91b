/** What `throttle` does to a network is a limit of that network: the detectors and `limits.network` have to mean the same by one. */

interface Prefixes {
  readonly v4?: number | undefined;
  readonly v6?: number | undefined;
}

/** A network of one address is an address, which has limits of its own. */
function differ(detected: number | undefined, limited: number | undefined, whole: number): boolean {
  return detected !== undefined && limited !== undefined && detected !== whole && detected !== limited;
}

export function throttledNetworkProblems(given: {
  readonly detection?: object;
  readonly limits?: {
    readonly scopes?: { readonly network?: { readonly prefixV4?: number; readonly prefixV6?: number } };
  };
}): { path: (string | number)[]; message: string }[] {
  const { detection = {}, limits } = given;
  const throttling = Object.entries(detection).find(
    ([, detector]) => detector?.enabled === true && detector.responses?.includes('throttle') === true,
  );
  const { enabled } = detection as { enabled?: boolean };
  if (throttling === undefined || enabled !== true) return [];
  const { networkPrefixV4, networkPrefixV6 } = detection as { networkPrefixV4?: number; networkPrefixV6?: number };
  const detected: Prefixes = { v4: networkPrefixV4, v6: networkPrefixV6 };
  const limited: Prefixes = { v4: limits?.scopes?.network?.prefixV4, v6: limits?.scopes?.network?.prefixV6 };
  return (['v4', 'v6'] as const).flatMap((family) => {
    if (!differ(detected[family], limited[family], family === 'v4' ? 32 : 128)) return [];
    const suffix = family.toUpperCase();
    const message = `has to be the ${limited[family]} of limits.network.prefix${suffix}, or the throttle of detection.${throttling[0]}.response would hold nobody`;
    return [{ path: ['detection', `networkPrefix${suffix}`], message }];
  });
}
