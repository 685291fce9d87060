/** What something shipped is made of, with its licences, in CycloneDX: npm's own list, and what npm does not see in it. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Put into the program itself by scripts/bundle.mjs, for which they are packages of development. */
const BUNDLED = JSON.parse(readFileSync(new URL('../bundled-packages.json', import.meta.url), 'utf8'));
/** In the binary of better-sqlite3. Its authors have given it to the public domain. */
const SQLITE = {
  'bom-ref': 'sqlite',
  type: 'library',
  name: 'sqlite',
  scope: 'required',
  licenses: [{ license: { id: 'blessing' } }],
  externalReferences: [{ type: 'website', url: 'https://sqlite.org' }],
};

/**
 * @param isLocked by the lock file, as of a package that brings nothing but names what it needs; else by what is installed there
 * @param epoch Unix time in seconds, in the place of the time at which the list is made
 */
export function billOfMaterials({ directory, isLocked, epoch }) {
  const list = listOf(directory, ['--omit', 'dev', ...(isLocked ? ['--package-lock-only'] : [])]);
  const bundled = componentsOf(fileTop()).filter(({ name }) => BUNDLED.includes(name));
  const components = [...list.components, ...bundled, ...(isLocked ? [] : [SQLITE])].map(withoutPlace);
  components.sort((left, right) => (left['bom-ref'] < right['bom-ref'] ? -1 : 1));
  const { tools, component } = list.metadata;
  const made = {
    $schema: list.$schema,
    bomFormat: list.bomFormat,
    specVersion: list.specVersion,
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1_000).toISOString(),
      tools: tools.map(({ vendor, name }) => ({ vendor, name })),
      component: { ...withoutPlace(component), name: 'claude-session-sweeper' },
    },
    components,
    dependencies: list.dependencies,
  };
  return { ...made, serialNumber: `urn:uuid:${uuidOf(JSON.stringify(made))}` };
}

function fileTop() {
  return fileURLToPath(new URL('../../', import.meta.url));
}

function listOf(directory, flags) {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--loglevel=error', ...flags];
  return JSON.parse(execFileSync('npm', args, { cwd: directory, encoding: 'utf8', maxBuffer: 1e8 }));
}

function componentsOf(directory) {
  return listOf(directory, ['--package-lock-only']).components;
}

/** Where in a directory it lies says nothing of it; nor does what npm took it for. */
function withoutPlace({ properties: _properties, ...component }) {
  return component;
}

/** The same for the same list, and of the form that CycloneDX asks for. */
function uuidOf(text) {
  const digits = createHash('sha256').update(text).digest('hex');
  const variant = '89ab'[Number.parseInt(digits[16], 16) % 4];
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-5${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}
