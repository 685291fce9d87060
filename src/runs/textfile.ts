/** The metrics as a file for the textfile collector of a node_exporter, replaced at once: a reader finds the old one or the new one, whole. */

import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Registry } from 'prom-client';
import type { MetricValue } from '../jobs/figures.ts';
import { type ResumeTotals, registerFigures, registerResumeTotals } from './figures-registry.ts';

/** Whoever runs the node_exporter reads it, whatever the umask of a run is. It holds figures alone. */
const READABLE_BY_ALL = 0o644;

/** @param totals undefined where the resume map cannot be read: its counters are left out, since 0 would read as a new beginning */
export function textfileContent(figures: readonly MetricValue[], totals: ResumeTotals | undefined): Promise<string> {
  const registry = new Registry();
  registerFigures(registry)(figures);
  if (totals !== undefined) registerResumeTotals(registry)(totals);
  return registry.metrics();
}

/** @throws the system's error; the file is as it was then */
export function replaceTextfile(path: string, content: string): void {
  // A name that the collector passes over, and that a run which was killed leaves to the next one.
  const unfinished = join(dirname(path), `.${basename(path)}.unfinished`);
  rmSync(unfinished, { force: true });
  // Made anew or not at all: whoever else may write there cannot have us write through a link.
  const fd = openSync(unfinished, 'wx', 0o600);
  try {
    try {
      writeFileSync(fd, content);
      fchmodSync(fd, READABLE_BY_ALL);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
