/** The shape of one figure of a run: how people are told of it, and the metrics that show it. */

export type Counts = Readonly<Record<string, number>>;

/** A metric that shows a part of a figure; names without the program's prefix. */
export interface MetricDeclaration {
  readonly name: string;
  /** A counter grows by each run; a gauge is what the last whole run found. */
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  /** Every label there can be, so that each series is there from the start. */
  readonly known: readonly string[];
  /**
   * A gauge whose 0 would lie shows NaN: each label until something is known of it, or all of them together until one run has told of
   * any. Absent for what is 0 until it is counted.
   */
  readonly unknown?: 'each' | 'together';
}

export interface FigureMetric<T> extends MetricDeclaration {
  /** By label; two of them are joined by a comma. */
  values(value: T): Counts;
}

/** A line for people. */
export interface TextLine {
  readonly label: string;
  readonly text: string;
  readonly isWarning?: boolean;
}

export interface FigureDeclaration<T> {
  /** How people are told; not at all where it is for programs alone. @param isDone false in a dry run */
  lines?(value: T, isDone: boolean): readonly TextLine[];
  readonly metrics?: readonly FigureMetric<T>[];
}

/** A metric without labels shows its one value under this. */
export const NO_LABEL = '';

export const line = (label: string, text: string): TextLine[] => [{ label, text }];

/** An entry gives its type, so that nothing else has to tell it. */
export function figure<T>(declaration: FigureDeclaration<T>): FigureDeclaration<T> {
  return declaration;
}

export function mapped<T>(values: Readonly<Record<string, T>>, map: (value: T) => number): Counts {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}
