/** Looks at the live sources that the configuration names: whether each can be read in full, and whom it names. */

import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { formatCount } from '../format/counts.ts';
import { configuredSources } from '../live-sources/configured/configured-sources.ts';
import type { LiveSource } from '../live-sources/live-source.ts';
import type { Finding } from './finding.ts';

const OF_REQUIRED = 'until this is mended nothing is removed';
const OF_OPTIONAL = 'mend it, or take it out of the sources: what it names is not protected meanwhile';

export async function examineSources({ sources }: Pick<Config, 'sources'>, clock: Clock): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const settings of sources) {
    // As if it were required: its silence is what is looked for.
    const [source] = sourcesOf([{ ...settings, required: true }], clock);
    if (source === undefined) continue;
    const check = `source ${settings.name}`;
    try {
      findings.push({ check, ...(await examined(source)) });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const advice = settings.required === false ? OF_OPTIONAL : OF_REQUIRED;
      findings.push({ check, level: 'problem', message: errorMessage(error), advice });
    }
  }
  return findings;
}

function sourcesOf(sources: Config['sources'], clock: Clock): readonly LiveSource[] {
  const { asked, held } = configuredSources(sources, clock);
  return [...asked, ...held];
}

async function examined(source: LiveSource): Promise<Omit<Finding, 'check'>> {
  const { ids, projects = [], malformed, senselessTimes = 0, stale = 0 } = await source.read();
  const ofProjects = projects.length === 0 ? '' : ` and ${formatCount(projects.length, 'project')}`;
  const over = stale === 0 ? '' : `; the time of ${stale} more is over`;
  const message = `names ${formatCount(ids.size, 'session')}${ofProjects}${over}`;
  if (malformed + senselessTimes === 0) return { level: 'ok', message };
  const odd = [
    malformed === 0
      ? ''
      : `; ${formatCount(malformed, 'more entry', 'more entries')} of it: no session ids, and so nobody's`,
    senselessTimes === 0
      ? ''
      : `; ${formatCount(senselessTimes, 'time')} of it cannot be believed: what has one never expires`,
  ];
  return {
    level: 'notice',
    message: message + odd.join(''),
    advice: 'look at the host that writes them',
  };
}

/** What is wrong with what is configured, as far as that can be told without a whole answer, by the name of the source. */
export async function sourceFaults(
  { sources }: Pick<Config, 'sources'>,
  clock: Clock,
): Promise<ReadonlyMap<string, OperatingError>> {
  const faults = new Map<string, OperatingError>();
  for (const settings of sources) {
    for (const source of sourcesOf([{ ...settings, required: true }], clock)) {
      try {
        await source.check();
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        faults.set(source.name, error);
      }
    }
  }
  return faults;
}
