/**
 * The figures of runs. Each is declared once, in the file of its subject, with how it is shown: the log, `--json` and the ledger have each
 * under its name, and the text for people and the metrics go by the declarations.
 */

import type { FigureDeclaration, MetricDeclaration, TextLine } from './figures/figure.ts';
import { FIGURES_OF_LIVE_SOURCES } from './figures/live-sources.ts';
import { NOTABLE_FIGURES } from './figures/notable.ts';
import { FIGURES_OF_WHAT_STAYS } from './figures/what-stays.ts';
import { FIGURES_OF_WHAT_WENT } from './figures/what-went.ts';

/** In the order in which they are shown. */
const DECLARED = {
  ...FIGURES_OF_WHAT_WENT,
  ...FIGURES_OF_WHAT_STAYS,
  ...FIGURES_OF_LIVE_SOURCES,
  ...NOTABLE_FIGURES,
};

export type FigureName = keyof typeof DECLARED;

/** The figures of all jobs. */
export type Figures = {
  readonly [Name in FigureName]: (typeof DECLARED)[Name] extends FigureDeclaration<infer T> ? T : never;
};

const FIGURES: { readonly [Name in FigureName]: FigureDeclaration<Figures[Name]> } = DECLARED;

export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

/** The metrics that show figures. */
export const FIGURE_METRICS: readonly MetricDeclaration[] = FIGURE_NAMES.flatMap(
  (name): readonly MetricDeclaration[] => {
    return FIGURES[name].metrics ?? [];
  },
);

/** Those of the figures that there are, in their order: what every program is told of a run. */
export function summaryOf(figures: Partial<Figures>): Partial<Figures> {
  return Object.fromEntries(
    FIGURE_NAMES.flatMap((name) => (figures[name] === undefined ? [] : [[name, figures[name]]])),
  );
}

/** The same for people. @param isDone false in a dry run */
export function linesOf(figures: Partial<Figures>, isDone: boolean): readonly TextLine[] {
  const linesOfOne = <Name extends FigureName>(name: Name, value: Figures[Name] | undefined) => {
    return value === undefined ? [] : (FIGURES[name].lines?.(value, isDone) ?? []);
  };
  return FIGURE_NAMES.flatMap((name) => linesOfOne(name, figures[name]));
}

/** A figure by name and label, as the metrics show it and the ledger keeps it. */
export interface MetricValue {
  readonly name: string;
  readonly label: string;
  readonly value: number;
}

/** What figures say to the metrics of one kind. */
export function metricsOf(figures: Partial<Figures>, kind: MetricDeclaration['kind']): readonly MetricValue[] {
  const valuesOfOne = <Name extends FigureName>(name: Name, value: Figures[Name] | undefined) => {
    if (value === undefined) return [];
    const metrics = (FIGURES[name].metrics ?? []).filter((metric) => metric.kind === kind);
    return metrics.flatMap((metric) => {
      return Object.entries(metric.values(value)).map(
        ([label, count]): MetricValue => ({ name: metric.name, label, value: count }),
      );
    });
  };
  return FIGURE_NAMES.flatMap((name) => valuesOfOne(name, figures[name]));
}
