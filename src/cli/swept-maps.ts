/** The maps that rows are swept from, and brought back to: the resume map, and those among the sources. Each is opened where it is asked for. */

import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { isSweptMap, mapNameOf, type SweptMapSettings } from '../config/source-settings.ts';
import { openSweptMap } from '../live-sources/configured/swept-map.ts';
import { openResumeMap, openResumeMapForReading } from '../live-sources/open-sources.ts';
import type { LiveMap, SweepableMap } from '../resume-map/resume-map.ts';

export interface SweptMap {
  /** Its database, by all names under which something may have been swept from it. */
  readonly paths: readonly string[];
  /** Whether it is the resume map of the settings. */
  readonly isFirst: boolean;
  open(isRead: boolean): Promise<OpenedMap> | OpenedMap;
}

type OpenedMap = SweepableMap & Pick<LiveMap, 'close'>;

export function sweptMaps(config: Config): readonly SweptMap[] {
  const first: SweptMap = {
    paths: pathsOfFirst(config),
    isFirst: true,
    open: (isRead) => (isRead ? openResumeMapForReading(config, systemClock) : openResumeMap(config, systemClock)),
  };
  return [first, ...config.sources.filter(isSweptMap).map(furtherMap)];
}

function furtherMap(settings: SweptMapSettings): SweptMap {
  return {
    paths: [mapNameOf(settings)],
    isFirst: false,
    open: async (isRead) => (await openSweptMap(settings, { clock: systemClock, isRead })).map,
  };
}

/** By today's name first: what was swept while the state directory had its former name was swept from the same map. */
function pathsOfFirst({ 'sessions.db': path, ownsSessionsDb, formerStateDir }: Config): readonly string[] {
  const former = formerStateDir === undefined || !ownsSessionsDb ? path : join(formerStateDir, 'sessions.db');
  return former === path ? [path] : [path, former];
}

export class OpenedMaps {
  readonly #isRead: boolean;
  readonly #opened = new Map<SweptMap, OpenedMap>();

  constructor({ isRead = false } = {}) {
    this.#isRead = isRead;
  }

  /** @throws OperatingError where it cannot be opened */
  async get(map: SweptMap): Promise<OpenedMap> {
    const opened = this.#opened.get(map) ?? (await map.open(this.#isRead));
    this.#opened.set(map, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const map of this.#opened.values()) await map.close();
  }
}
