/** The JSON schema of the configuration file, made from the settings: an editor knows by it what can stand there. */

import { SETTING_PATHS, settingTable } from './settings.ts';
import type { JsonSchema } from './values.ts';

interface Group {
  readonly type: 'object';
  readonly properties: Record<string, JsonSchema | Group>;
  readonly additionalProperties: false;
}

const emptyGroup = (): Group => ({ type: 'object', properties: {}, additionalProperties: false });

/** It allows what means something, written with levels; what it allows may still be refused (a time zone that is none, two settings that do not go together). */
export function configSchema(): JsonSchema {
  const table = settingTable({ home: '/' });
  const top = emptyGroup();
  for (const path of SETTING_PATHS) {
    const { description, defaultText, parse } = table[path];
    const keys = path.split('.');
    const name = keys.pop() ?? path;
    const group = keys.reduce(groupWithin, top);
    group.properties[name] = { description: `${description}; default: ${defaultText}`, ...parse.schema };
  }
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'claude-session-sweeper', ...top };
}

function groupWithin(outer: Group, name: string): Group {
  const inner = (outer.properties[name] ?? emptyGroup()) as Group;
  outer.properties[name] = inner;
  return inner;
}
