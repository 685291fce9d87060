/** What a group of commands is given to hang its actions on. */

import type { CommandContext } from '../command.ts';
import type { RawOptions } from '../load-config.ts';

export type Action = (context: CommandContext, args: readonly unknown[], options: RawOptions) => Promise<number>;

/** Makes of an action what commander calls. */
export type Bind = (action: Action) => (...args: unknown[]) => Promise<void>;
