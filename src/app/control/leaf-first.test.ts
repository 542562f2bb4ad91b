import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { removeDirectory, temporaryDirectory } from '../../../test/kit/process.ts';
import { importedFiles, requiredFiles } from './leaf-first.ts';

async function directoryOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await temporaryDirectory('leaf-first');
  t.after(() => removeDirectory(directory));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(directory, name, '..'), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

async function all(files: AsyncGenerator<string>, directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const file of files) names.push(relative(directory, file));
  return names;
}

test('each file comes once, behind those that it loads, also where they load each other', async (t) => {
  const directory = await directoryOf(t, {
    'main.ts': "import { b } from './lib/b.ts';\nimport {\n  a,\n} from './a.ts';\nexport { c } from './lib/c.ts';\n",
    'a.ts': "import { b } from './lib/b.ts';\nimport { join } from 'node:path';\nimport { z } from 'zod';\n",
    'lib/b.ts': "import { c } from './c.ts';\n",
    'lib/c.ts': "import { a } from '../a.ts';\n",
  });
  assert.deepEqual(await all(importedFiles(pathToFileURL(join(directory, 'main.ts'))), directory), [
    'a.ts',
    'lib/c.ts',
    'lib/b.ts',
    'main.ts',
  ]);
});

test('what is only a type is not loaded, nor what is loaded when it is needed', async (t) => {
  const directory = await directoryOf(t, {
    'main.ts':
      "import type { T } from './types.ts';\nimport type {\n  U,\n} from './types.ts';\nimport { a } from './a.ts';\n",
    'a.ts': "export async function late() {\n  return import('./late.ts');\n}\n",
    'main.js':
      "const a = require('./a')\nconst {\n  b\n} = require('pack')\nfunction f () {\n  return require('./late')\n}\n",
    'a.js': "'use strict'\nconst { join } = require('node:path')\nmodule.exports = require('./data.json')\n",
    'node_modules/pack/package.json': '{ "main": "start.js" }',
    'node_modules/pack/start.js': 'module.exports = {}\n',
  });
  const main = join(directory, 'main');
  assert.deepEqual(await all(importedFiles(pathToFileURL(`${main}.ts`)), directory), ['a.ts', 'main.ts']);
  await writeFile(join(directory, 'data.json'), '{}');
  assert.deepEqual(await all(requiredFiles(`${main}.js`), directory), [
    'a.js',
    'node_modules/pack/start.js',
    'main.js',
  ]);
});

test('of fastify, what it loads by itself is all there is', async () => {
  const require = createRequire(import.meta.url);
  const files = new Set<string>();
  for await (const path of requiredFiles(require.resolve('fastify'))) files.add(path);
  require('fastify');
  const unforeseen = Object.keys(require.cache).filter((path) => path.includes('fastify') && !files.has(path));
  assert.deepEqual(
    unforeseen.filter((path) => path.endsWith('.js')),
    [],
  );
});
