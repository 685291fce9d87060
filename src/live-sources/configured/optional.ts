/** A source of which the configuration says that its silence stops nothing: that is told, and what it named last still protects. */

import type { SessionId } from '../../claude-dir/session-id.ts';
import { errorMessage, OperatingError } from '../../errors.ts';
import type { LiveReading, LiveSource } from '../live-source.ts';
import { unlessRefused } from '../refusal.ts';

const NOTHING: LiveReading = { ids: new Set(), malformed: 0 };

/** @param source asked by its own `read` and `withLive`; what goes wrong while `act` runs is not its silence */
export function optionalSource(source: LiveSource): LiveSource {
  let last: LiveReading | undefined;
  let wasSilent = false;
  const lastAmong = (ids: readonly SessionId[]) => {
    return new Set(ids.filter((id) => last?.ids.has(id) || last?.prefixes?.match(id)));
  };
  /** @throws what is not its silence */
  const throwUnlessSilent = (error: unknown) => {
    // Where it has answered before, it is only busy, or nobody knows what it names now: nothing goes by that.
    if (!wasSilent || !(error instanceof OperatingError)) throw error;
  };
  const { ask } = source;
  return {
    ...source,
    ...(ask === undefined
      ? {}
      : {
          ask: async (ids) => {
            try {
              return await ask(ids);
            } catch (error) {
              throwUnlessSilent(error);
              return lastAmong(ids);
            }
          },
        }),
    read: async () => {
      try {
        last = await source.read();
        wasSilent = false;
        return last;
      } catch (error) {
        wasSilent = true;
        const before = last ?? NOTHING;
        return { ...before, faults: [silence(source, error)], isSilent: true };
      }
    },
    withLive: (ids, act, onHeld) => {
      const onRefused = async (error: unknown) => {
        throwUnlessSilent(error);
        return act(lastAmong(ids));
      };
      return unlessRefused((acting) => source.withLive(ids, acting, onHeld), act, onRefused);
    },
    check: async () => {
      try {
        await source.check();
      } catch (error) {
        silence(source, error);
      }
    },
  };
}

/** @returns what is told of it. @throws what is no silence, but a programmer's error */
function silence({ name }: LiveSource, error: unknown): string {
  if (!(error instanceof OperatingError)) throw error;
  return `the live source ${name} cannot be read, and is not required: what it names may go; ${errorMessage(error)}`;
}
