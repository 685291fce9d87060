/** Whether a text is what Prometheus takes for metrics, and the value of a series in it. Format: text, version 0.0.4. */

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const HELP = new RegExp(`^# HELP ${NAME} .+$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (?:counter|gauge|histogram|summary|untyped)$`);
/** Go reads the values, and does not mind whether it is NaN or Nan. */
const SAMPLE = new RegExp(`^((${NAME})(?:\\{${LABEL}(?:,${LABEL})*\\})?) (?:[+-]?(?:\\d[\\d.eE+-]*|inf)|nan)$`, 'i');

/** One sentence for the first thing that is wrong; undefined where nothing is. */
export function metricsFault(text: string): string | undefined {
  if (!text.endsWith('\n')) return 'the metrics do not end with a line end';
  const families = new Set<string>();
  const series = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '' || HELP.test(line)) continue;
    const family = TYPE.exec(line)?.[1];
    if (family !== undefined) {
      if (families.has(family)) return `${family} has its type twice`;
      families.add(family);
      continue;
    }
    const [, name = '', metric = ''] = SAMPLE.exec(line) ?? [];
    if (name === '') return `no line of metrics: ${JSON.stringify(line.slice(0, 200))}`;
    if (series.has(name)) return `${name} is there twice`;
    if (!families.has(metric) && !families.has(metric.replace(/_(?:bucket|sum|count)$/, ''))) {
      return `${metric} has no type`;
    }
    series.add(name);
  }
  return series.size === 0 ? 'there are no metrics' : undefined;
}

export function seriesValue(text: string, series: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
