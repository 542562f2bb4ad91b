/** Loads the X.509 library only where a certificate is made: it is large, and most starts make none. */

type X509Library = typeof import('@peculiar/x509');

/**
 * The library's dependency container refuses to load without the Reflect metadata functions, which decorators of other
 * programs use. Nothing that makes certificates asks them anything, so functions that know nothing satisfy it.
 */
const METADATA: Readonly<Record<string, () => unknown>> = {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  hasMetadata: () => false,
  hasOwnMetadata: () => false,
  defineMetadata: () => undefined,
  metadata: () => () => undefined,
};

export async function loadX509(): Promise<X509Library> {
  for (const [name, stub] of Object.entries(METADATA)) {
    if (name in Reflect) continue;
    Object.defineProperty(Reflect, name, { value: stub, configurable: true, writable: true });
  }
  return import('@peculiar/x509');
}
