/** Opens a map among the sources for a sweep of its rows, whatever it is kept in. */

import type { Clock } from '../../clock.ts';
import { isHeldMap, type SweptMapSettings } from '../../config/source-settings.ts';
import type { LiveMap, SweepableMap } from '../../resume-map/resume-map.ts';
import { type OpenMapOptions, openConfiguredMap } from './held-map.ts';

export interface OpenedSweptMap {
  readonly map: LiveMap & SweepableMap;
  /** By which its rows are stamped. */
  readonly rowClock: Clock;
}

/** @throws OperatingError where it is not there, or is no such map */
export async function openSweptMap(settings: SweptMapSettings, options: OpenMapOptions): Promise<OpenedSweptMap> {
  if (isHeldMap(settings)) return { map: openConfiguredMap(settings, options), rowClock: options.clock };
  const { openPostgresMap } = await import('./postgres-map.ts');
  const map = openPostgresMap(settings);
  try {
    return { map, rowClock: await map.rowClock() };
  } catch (error) {
    await map.close();
    throw error;
  }
}
