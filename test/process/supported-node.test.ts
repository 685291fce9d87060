import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import {
  SUPPORTED_NODES,
  supportedNodes,
  UNSUPPORTED_NODE_EXIT_CODE,
  unsupportedNode,
} from '../../src/process/supported-node.ts';

const top = new URL('../../', import.meta.url);

describe('the Nodes that serve', () => {
  it('are those that the package asks for, and that the README names', () => {
    const { engines } = JSON.parse(readFileSync(new URL('package.json', top), 'utf8')) as { engines: { node: string } };
    const ranges = SUPPORTED_NODES.map(([major, minor]) => (minor === 0 ? `^${major}` : `^${major}.${minor}`));
    expect(engines.node).toBe(ranges.join(' || '));
    expect(readFileSync(new URL('README.md', top), 'utf8')).toContain(`You need Linux and Node ${supportedNodes()}`);
  });

  it.each([
    '20.19.0',
    '20.20.2',
    '22.14.0',
    '22.23.3',
    '24.0.0',
    '24.21.0',
    '26.0.0',
    '26.12.1',
    process.versions.node,
  ])('are let through: %s', (version) => {
    expect(unsupportedNode(version)).toBeUndefined();
  });

  it.each([
    '0.12.18',
    '12.22.12',
    '18.20.8',
    '20.18.3',
    '21.7.3',
    '22.0.0',
    '22.13.1',
    '23.11.1',
    '25.1.0',
    '27.0.0',
    '',
  ])('are named where another is used: %s', (version) => {
    expect(unsupportedNode(version)).toContain('use Node 20.19, 22.14, 24 or 26, or a later release of one of these');
  });

  it('leave with the code of a wrong configuration where they are another', () => {
    expect(UNSUPPORTED_NODE_EXIT_CODE).toBe(EXIT_CODES.config);
  });
});
