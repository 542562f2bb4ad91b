/** What the command line of this bench says, for all of its parts. */

export const IS_SMOKE = process.argv.includes('--smoke');

export function given(name: string): string | undefined {
  return process.argv.find((argument) => argument.startsWith(`--${name}=`))?.split('=')[1];
}

export const CONNECTIONS = IS_SMOKE ? 20 : Number(given('connections') ?? 1000);
