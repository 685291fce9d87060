// For those who build their rules with jsonnet: the same files and the dashboard, with where to read on and what to add to each alert.
// jsonnet -e '(import "mixin.libsonnet").prometheusAlerts'
local ours = {
  rules: std.parseYaml(importstr 'rules.yml'),
  alerts: std.parseYaml(importstr 'alerts.yml'),
};

{
  _config+:: {
    // Put in front of each runbook_url, as the address of a checkout: 'https://…/'.
    runbookPrefix: '',
    // Added to the labels of each alert.
    alertLabels: {},
  },

  prometheusRules+:: ours.rules,

  grafanaDashboards+:: { 'claude-session-sweeper.json': import '../grafana/claude-session-sweeper.json' },

  prometheusAlerts+:: {
    groups: [
      group {
        rules: [
          alert {
            labels+: $._config.alertLabels,
            annotations+: { runbook_url: $._config.runbookPrefix + super.runbook_url },
          }
          for alert in group.rules
        ],
      }
      for group in ours.alerts.groups
    ],
  },
}
