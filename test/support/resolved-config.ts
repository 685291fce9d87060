/** The configuration that sources stand for, as the command line comes to it but for what it adds of its own. */

import { type ConfigSources, collectConfig, concludeConfig, type ResolvedConfig } from '../../src/config/config.ts';

/** @throws ConfigError naming every unknown key (with the nearest known one) and every value that means nothing */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  return concludeConfig(collectConfig(sources));
}
