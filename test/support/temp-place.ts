/** A place of its own for one test, with a Claude directory to put sessions in; gone when the test is. */

import { Place } from './place.ts';
import { tempDir } from './temp-dir.ts';
import { makeClaudeDir } from './tree.ts';

export function tempPlace(): Place {
  const place = new Place(tempDir());
  makeClaudeDir(place.claudeDir);
  return place;
}
