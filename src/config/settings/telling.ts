/** The settings of how people and their monitoring are told: metrics, hooks, addresses that are sent to, and the log. */

import { hookSettings, secretUrl, showSecret } from '../notice-settings.ts';
import * as values from '../values.ts';
import { setting } from './setting.ts';

export function tellingSettings(home: string) {
  return {
    'metrics.textfile': setting(values.metricsFile(home), {
      argument: 'FILE',
      description:
        'where a run by hand or by a timer writes the same metrics for the node_exporter of Prometheus, as `/var/lib/node_exporter/sweeper.prom`',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: String,
    }),
    hooks: setting(hookSettings, {
      argument: 'JSON',
      description:
        'programs that are started about each run, with what is known of it on stdin: `{before, after, onFailure, onHeld, onNotice, timeout}`, each a list of a program and its arguments',
      defaultText: 'none',
      defaultValue: () => ({}),
      show: ({ timeout, ...rest }) =>
        JSON.stringify(timeout === undefined ? rest : { ...rest, timeout: values.showAge(timeout) }),
    }),
    'ping.url': setting(secretUrl, {
      argument: 'URL',
      description:
        'address of a dead-man switch, as of Healthchecks, that is told when a prune starts, ends well or does not; a secret, and never shown',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: showSecret,
      isSecret: true,
    }),
    'webhook.url': setting(secretUrl, {
      argument: 'URL',
      description:
        'address that is sent JSON, as a chat takes it, of runs that failed, were held back or announced something; a secret, and never shown',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: showSecret,
      isSecret: true,
    }),
    logLevel: setting(values.logLevel, {
      argument: 'LEVEL',
      description: 'trace, debug, info, warn, error, fatal or silent',
      defaultText: '`info`; `silent` for commands on a terminal',
      defaultValue: () => 'info',
      show: String,
    }),
    logFormat: setting(values.logFormat, {
      argument: 'FORMAT',
      description: 'how the log is written: json, text for people, journal with its priorities, or auto, which fits',
      defaultText: '`auto`',
      defaultValue: () => 'auto',
      show: String,
    }),
  };
}
