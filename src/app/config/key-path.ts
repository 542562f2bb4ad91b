/** Key paths, as arrays in code and as `listeners[0].port` for people. */

export type KeyPath = readonly (string | number)[];

export function formatPath(path: KeyPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
