import { describe, expect, it } from 'vitest';
import { bindingFault } from '../../src/sqlite/binding.ts';

const CLEANUP_HOOK = 'RemoveEnvironmentCleanupHook';

describe('a binding that would bring the process down', () => {
  it.each([
    { version: '12.11.1', node: '20.19.0', nodeApi: 9, hasHook: false, isRefused: false },
    { version: '13.2.0', node: '20.19.0', nodeApi: 9, hasHook: false, isRefused: true },
    { version: '13.2.0', node: '20.20.2', nodeApi: 9, hasHook: false, isRefused: true },
    { version: '12.11.1', node: '22.14.0', nodeApi: 10, hasHook: false, isRefused: false },
    { version: '13.2.0', node: '22.14.0', nodeApi: 10, hasHook: false, isRefused: false },
    { version: '12.11.1', node: '24.0.0', nodeApi: 10, hasHook: false, isRefused: false },
    { version: '12.11.1', node: '24.0.0', nodeApi: 10, hasHook: true, isRefused: true },
    { version: '12.11.1', node: '24.21.0', nodeApi: 10, hasHook: false, isRefused: false },
    { version: '12.11.1', node: '24.21.0', nodeApi: 10, hasHook: true, isRefused: true },
    { version: '13.2.0', node: '24.21.0', nodeApi: 10, hasHook: false, isRefused: false },
    { version: '12.11.1', node: '26.3.1', nodeApi: 10, hasHook: true, isRefused: true },
    { version: '12.11.1', node: '26.4.0', nodeApi: 10, hasHook: true, isRefused: false },
    { version: '13.2.0', node: '26.12.1', nodeApi: 10, hasHook: false, isRefused: false },
  ])('is refused, and no other: $version, with the hook: $hasHook, on Node $node', (given) => {
    const { isRefused, hasHook, ...installed } = given;
    const readBinary = () => Buffer.from(hasHook ? `\0_ZN4node28${CLEANUP_HOOK}EPN2v87IsolateE\0` : '\0napi_wrap\0');
    const fault = bindingFault({ ...installed, home: '/srv/app', readBinary });
    const other = given.version.startsWith('13') ? 12 : 13;
    const sentence = `run “npm install --no-save better-sqlite3@${other}” in /srv/app with this Node`;
    expect(fault).toEqual(isRefused ? expect.stringContaining(sentence) : undefined);
  });

  it('is replaced without what only developers need where it lies in an installed package', () => {
    const home = '/usr/lib/node_modules/claude-session-sweeper';
    const fault = bindingFault({ version: '13.2.0', home, node: '20.19.0', nodeApi: 9, readBinary: () => undefined });
    expect(fault).toContain(`run “npm install --no-save --omit=dev better-sqlite3@12” in ${home}`);
  });
});
