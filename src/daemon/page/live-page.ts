/** The status page of a daemon at work: made of what is at hand, by no look that could take long. */

import { hostname } from 'node:os';
import type { Clock } from '../../clock.ts';
import { timeZoneName } from '../../config/values.ts';
import { examineStanding } from '../../doctor/host-findings.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import type { JobName } from '../../jobs/job-names.ts';
import type { Logger } from '../../log.ts';
import type { HostLook } from '../../runs/host-metrics.ts';
import type { InForce } from '../in-force.ts';
import { brokenPage, statusPage } from './page.ts';
import type { Page } from './routes.ts';
import { type StatusView, showsDetails, statusView } from './view.ts';

export interface LivePageOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly hostLook: HostLook;
  inForce(): InForce;
  nextRunMs(job: JobName): number | undefined;
  runningJob(): JobName | undefined;
}

/** As often as somebody looks, and no oftener. */
const PROBLEMS_KEPT_MS = 60_000;

export class LivePage {
  readonly #options: LivePageOptions;
  /** Of the configuration that it was looked at by. */
  #problems: (NonNullable<StatusView['problems']> & { readonly inForce: InForce }) | undefined;
  #isLooking = false;

  constructor(options: LivePageOptions) {
    this.#options = options;
  }

  /** Never rejects for what a person could mend. */
  async render(): Promise<Page> {
    const { version, clock, hostLook, nextRunMs, runningJob } = this.#options;
    const inForce = this.#options.inForce();
    const { config } = inForce;
    this.#lookAgain(inForce);
    try {
      const view = statusView({
        ...{ version, config, nextRunMs },
        timeZone: timeZoneName(config['schedule.timeZone']),
        nowMs: clock.now(),
        ledger: inForce.ledger.get(),
        hostFigures: await hostLook.figures(config),
        runningJob: runningJob(),
        problems: this.#problems?.inForce === inForce ? this.#problems : undefined,
      });
      return { status: 200, body: statusPage(view, hostname()) };
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const message = showsDetails(config) ? errorMessage(error) : undefined;
      return { status: 503, body: brokenPage(message, hostname()) };
    }
  }

  /** Beside the page, which does not wait: a live source may take its time. */
  #lookAgain(inForce: InForce): void {
    const { clock, log } = this.#options;
    const isFresh = this.#problems?.inForce === inForce && clock.now() - this.#problems.atMs < PROBLEMS_KEPT_MS;
    if (this.#isLooking || (isFresh && clock.now() >= (this.#problems?.atMs ?? 0))) return;
    this.#isLooking = true;
    const look = async () => {
      try {
        const findings = await examineStanding(inForce.config, clock);
        this.#problems = { atMs: clock.now(), findings, inForce };
      } catch (error) {
        log.error({ err: error }, 'a look at what is wrong failed');
      } finally {
        this.#isLooking = false;
      }
    };
    void look();
  }
}
