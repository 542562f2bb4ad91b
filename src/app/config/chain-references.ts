/** Listeners that entries of the chain name must be there. */
import { nearestHint } from '../../base/nearest-word.ts';

/** As much of a configuration as may be there while it is still being checked. */
interface Given {
  readonly authentication?:
    | { readonly chain?: readonly { readonly listeners?: readonly string[] | undefined }[] | undefined }
    | undefined;
  readonly listeners?: readonly { readonly name?: string | undefined }[] | undefined;
}

export function chainReferenceProblems(given: Given): { path: (string | number)[]; message: string }[] {
  const { chain } = given.authentication ?? {};
  if (!Array.isArray(chain) || !Array.isArray(given.listeners)) return [];
  const known = given.listeners.flatMap((listener) => listener?.name ?? []);
  return chain.flatMap((entry, index) => {
    const named: unknown = entry?.listeners;
    if (!Array.isArray(named)) return [];
    return named.flatMap((name: unknown, at) => {
      if (typeof name !== 'string' || known.includes(name)) return [];
      return [
        {
          path: ['authentication', 'chain', index, 'listeners', at],
          message: `there is no listener "${name}"; ${nearestHint(name, known)}`,
        },
      ];
    });
  });
}
