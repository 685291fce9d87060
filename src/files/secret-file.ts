/** Reads a secret from a file of its own; no fault that is told holds any of it. */

import { OperatingError } from '../errors.ts';
import { readWholeFile } from './whole-file.ts';

/** A secret is a line. */
const SECRET_BYTES_MAX = 65_536;

/**
 * @param lengthMin below which it can be found by trying
 * @returns its one word
 * @throws OperatingError naming the file
 */
export function readSecretFile(path: string, lengthMin = 1): string {
  const secret = readWholeFile(path, SECRET_BYTES_MAX).trim();
  if (!/^[\x21-\x7e]+$/.test(secret)) throw new OperatingError('bad-data', `read ${path}: it holds no token`);
  if (secret.length < lengthMin)
    throw new OperatingError('bad-data', `read ${path}: its token has less than ${lengthMin} characters`);
  return secret;
}
