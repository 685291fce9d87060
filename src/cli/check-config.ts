/** `check-config`: the effective configuration, where each value comes from, and the schema of its file. */

import { systemClock } from '../clock.ts';
import { defaultConfigPath } from '../config/config-file.ts';
import type { Setting } from '../config/settings/setting.ts';
import { flagOf, SETTING_PATHS, settingTable, variableOf } from '../config/settings.ts';
import type { Finding } from '../doctor/finding.ts';
import { formerStateFinding } from '../doctor/former-state-finding.ts';
import { projectRulesFinding } from '../doctor/rule-findings.ts';
import { sourceFaults } from '../doctor/source-findings.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { shownText } from '../format/shown-text.ts';
import { idleRules } from '../runs/idle-rules.ts';
import type { CommandContext } from './command.ts';
import { renderFinding } from './finding-lines.ts';
import { renderTable } from './table.ts';

/** For an editor: `# yaml-language-server: $schema=…` at the top of the file leads it there. */
export async function showConfigSchema({ io }: Pick<CommandContext, 'io'>): Promise<number> {
  const { configSchema } = await import('../config/config-schema.ts');
  io.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
  return EXIT_CODES.ok;
}

export async function checkConfig({ io, resolved, json, colors }: CommandContext): Promise<number> {
  const table = settingTable(io);
  const settings = SETTING_PATHS.map((path) => {
    const setting: Setting<unknown> = table[path];
    const value = setting.show(resolved.config[path]);
    return { setting: path, value, origin: resolved.origins[path], flag: flagOf(path), variable: variableOf(path) };
  });
  const formerState = formerStateFinding(resolved.config);
  const faults = await sourceFaults(resolved.config, systemClock);
  const sources = resolved.config.sources.map(({ name, kind }) => {
    return { name, kind, fault: faults.get(name)?.message ?? null };
  });
  const [firstFault] = faults.values();
  if (json)
    io.stdout.write(
      `${JSON.stringify({ configFile: resolved.configFile ?? null, settings, sources, formerState: formerState ?? null, idleRules: idleRules(resolved.config) })}\n`,
    );
  else {
    const rows = settings.map(({ setting, value, origin }) => [setting, origin, value || 'none']);
    io.stdout.write(`${renderTable(['SETTING', 'FROM', 'VALUE'], rows, colors)}\n`);
    io.stdout.write(`\n${fileLine(resolved.configFile, io)}\n`);
    const rules = projectRulesFinding(resolved.config);
    if (rules !== undefined && rules.level !== 'ok') io.stdout.write(`\n${renderFinding(rules, colors)}\n`);
    for (const { name, kind, fault } of sources.filter((source) => source.fault !== null)) {
      const finding: Finding = { check: `source ${name}`, level: 'problem', message: `${kind}: ${fault}` };
      io.stdout.write(`\n${renderFinding(finding, colors)}\n`);
    }
    if (formerState !== undefined) io.stdout.write(`\n${renderFinding(formerState, colors)}\n`);
  }
  return firstFault?.exitCode ?? EXIT_CODES.ok;
}

function fileLine(path: string | undefined, { home, environment }: CommandContext['io']): string {
  if (path !== undefined) return `Configuration file: ${shownText(path)}`;
  return `Configuration file: none; ${shownText(defaultConfigPath(home, environment))} is not there`;
}
