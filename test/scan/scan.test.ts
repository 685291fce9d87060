import { afterEach, describe } from 'vitest';
import { NATIVE_SWITCH, useNativePart } from '../../src/files/native-part.ts';
import { scanClaudeDir } from '../../src/scan/scan.ts';
import { describeScan } from '../contract/scan.ts';
import { builtNativePart } from '../support/native.ts';

const WAYS = [
  { name: 'by the native part', part: builtNativePart, setting: '' },
  { name: 'by Node’s calls', part: () => undefined, setting: 'off' },
];

describe.each(WAYS)('a scan $name', ({ part, setting, name }) => {
  afterEach(() => {
    delete process.env[NATIVE_SWITCH];
    useNativePart(builtNativePart());
  });

  describeScan({
    name,
    use: () => {
      process.env[NATIVE_SWITCH] = setting;
      useNativePart(part());
    },
    scan: scanClaudeDir,
  });
});
