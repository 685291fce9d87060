import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type MapSettings, openResumeMapForReading } from '../../src/live-sources/open-sources.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';

describe('a resume map that is only read', () => {
  it.each(['/nonexistent/sessions.db', 'sessions.db'])(
    'is an error, and not empty, where it is a symlink to %s',
    async (to) => {
      const stateDir = tempDir();
      const path = join(stateDir, 'sessions.db');
      symlinkSync(to, path);
      const settings: MapSettings = {
        stateDir,
        'sessions.db': path,
        ownsSessionsDb: true,
        'sessions.maxAge': 'never',
        setsRowAge: true,
        'sessions.defaultForge': 'forgejo',
      };
      await expect(openResumeMapForReading(settings, new SetClock(NOW))).rejects.toMatchObject({ kind: 'unavailable' });
    },
  );
});
