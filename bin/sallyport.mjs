#!/usr/bin/env node
/** Starts the program: checks the runtime first, in words that any Node can print. Plain JavaScript for that reason. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const MINIMUM = [24, 9];

const source = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../dist/cli/main.js', import.meta.url);
// A checkout has both after a build, and the source is the newer; a published package has no source.
const isCheckout = existsSync(fileURLToPath(source));

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
  const cure = isCheckout
    ? 'Run `npm run setup` in the checkout, which brings its own, and then `npm start` or `npx sallyport`.'
    : 'Install a current Node.js, or run it as: npx -p node@26 -p sallyport sallyport';
  process.stderr.write(
    `sallyport: this is Node.js ${process.versions.node}, and ${MINIMUM.join('.')} or later is needed. ${cure}\n`,
  );
  process.exit(2);
}
if (isCheckout && !existsSync(fileURLToPath(new URL('../node_modules', import.meta.url)))) {
  process.stderr.write('sallyport: the packages it needs are not installed. Run `npm run setup` first.\n');
  process.exit(2);
}
// Nearly all that is allocated for a packet dies with it, so a nursery that stays small serves as well as the tens of megabytes it
// would grow to. Set here, because it grows while modules load.
setFlagsFromString('--semi-space-growth-factor=1');
// One thread collects so little as fast as several; it may be a helper, but then there is one to wait for that has lost its processor, and not many.
setFlagsFromString('--no-parallel-scavenge');
// What a full collection moves, it moves while everybody waits: a little each time instead of four megabytes.
setFlagsFromString('--compaction-max-evacuated-bytes-mb=1');
// And of the nursery, which it empties, it takes whole pages along, but for those of which hardly anything is alive: moving each object took longer
// than all the rest.
setFlagsFromString('--page-promotion-threshold=5');
// What a connection runs through is hundreds of functions, each a few times: compiled after some thirty calls instead of hundreds, the
// first ones after a start cost a fifth less, and messages the same.
setFlagsFromString('--invocation-count-for-maglev=30');
setFlagsFromString('--minimum-invocations-after-ic-update=20');
await import((isCheckout ? source : built).href);
