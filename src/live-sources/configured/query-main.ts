/** The process of one query: SQLite cannot be interrupted from within, and a process can be killed. */

import { errorKind, errorMessage } from '../../errors.ts';
import { watchParent } from '../../process/parent-watch.ts';
import type { QueryAnswer, QueryTask } from './query-messages.ts';
import { queryRows } from './query-rows.ts';

watchParent(0);
process.once('message', (task: QueryTask) => {
  process.send?.(answerTo(task), undefined, undefined, () => process.disconnect());
});

function answerTo(task: QueryTask): QueryAnswer {
  try {
    return { type: 'rows', rows: queryRows(task) };
  } catch (error) {
    return { type: 'failed', kind: errorKind(error), message: errorMessage(error) };
  }
}
