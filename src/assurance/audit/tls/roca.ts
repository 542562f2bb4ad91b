/**
 * Keys from Infineon's library (CVE-2017-15361, ROCA), told by their modulus.
 *
 * Its primes are `k * M + (65537 ** a mod M)` with M a product of small primes, so that the modulus, too, is a power of 65537 to each of
 * those. These seventeen are the ones of the authors' published test where that says something: of moduli of other make, one in 2 ** 27
 * looks so by chance (Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, CCS 2017).
 */

export const ROCA_PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157] as const;
const GENERATOR = 65_537;

/** The powers of the generator modulo a prime. */
export function powersOfGenerator(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power);
  return powers;
}

const POWERS = ROCA_PRIMES.map((prime) => [BigInt(prime), powersOfGenerator(prime)] as const);

export function isRoca(modulus: bigint): boolean {
  return POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)));
}
