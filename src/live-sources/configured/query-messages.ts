/** What a query's process and the one that started it say to each other. Plain data only. */

import type { ErrorKind } from '../../exit-codes.ts';

export interface QueryTask {
  readonly db: string;
  readonly sql: string;
}

export type QueryAnswer =
  | { readonly type: 'rows'; readonly rows: readonly unknown[] }
  | { readonly type: 'failed'; readonly kind: ErrorKind; readonly message: string };
