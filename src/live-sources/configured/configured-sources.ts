/** The live sources that the configuration names, in the order in which they are to be asked. */

import type { Clock } from '../../clock.ts';
import type { SourceSettings } from '../../config/source-settings.ts';
import { type LiveReading, type LiveSource, withFreshReading } from '../live-source.ts';
import { heldMapSource } from './held-map.ts';
import { readKeepList } from './id-file.ts';
import { readJsonMap } from './json-map.ts';
import { optionalSource } from './optional.ts';

export interface ConfiguredSources {
  /** Those without writers to hold back: asked before anybody is held up. */
  readonly asked: readonly LiveSource[];
  /** Those whose writers wait meanwhile. */
  readonly held: readonly LiveSource[];
}

export function configuredSources(all: readonly SourceSettings[], clock: Clock): ConfiguredSources {
  const opened = all.map((settings) => {
    const source = sourceOf(settings, clock);
    return { settings, source: settings.required === false ? optionalSource(source) : source };
  });
  const isHeld = ({ settings: { kind } }: (typeof opened)[number]) => kind === 'resume-map' || kind === 'thread-map';
  return {
    asked: opened.filter((one) => !isHeld(one)).map(({ source }) => source),
    held: opened.filter(isHeld).map(({ source }) => source),
  };
}

function sourceOf(settings: SourceSettings, clock: Clock): LiveSource {
  switch (settings.kind) {
    case 'resume-map':
    case 'thread-map':
      return heldMapSource(settings, clock);
    case 'keep-list':
      return askedSource(settings, 'pinned', () => readKeepList(settings));
    case 'json-map':
      return askedSource(settings, 'live', async () => readJsonMap(settings));
  }
}

/** One that is asked anew for each act, since it has no writers that could be held back. */
function askedSource(
  { name }: SourceSettings,
  protection: LiveSource['protection'],
  read: () => Promise<LiveReading>,
): LiveSource {
  const source: LiveSource = {
    name,
    protection,
    read,
    withLive: (ids, act) => withFreshReading(source, ids, act),
    check: async () => {
      await read();
    },
  };
  return source;
}
