/** A server's certificate and its key, from their files: read together, and held against each other before anything is served with them. */

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { errorMessage, OperatingError } from '../errors.ts';
import { readWholeFile } from './whole-file.ts';

export interface CertificateFiles {
  /** The certificate, and those that lead from it to one that is known; PEM. */
  readonly cert: string;
  /** PEM, and without a password. */
  readonly key: string;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Until when it is valid, Unix epoch ms. */
  readonly validToMs: number;
}

/** A chain of many certificates takes some ten thousand. */
const PEM_BYTES_MAX = 1_048_576;

/** @throws OperatingError naming the file */
export function readCertificate(files: CertificateFiles): Certificate {
  const cert = readWholeFile(files.cert, PEM_BYTES_MAX);
  const key = readWholeFile(files.key, PEM_BYTES_MAX);
  const validToMs = Date.parse(parsed(files.cert, () => new X509Certificate(cert)).validTo);
  parsed(files.key, () => createSecureContext({ cert, key }));
  return { cert, key, validToMs };
}

function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // What OpenSSL says is a number and a reason; it quotes nothing of the file.
    throw new OperatingError('bad-data', `read ${path}: it does not fit: ${errorMessage(error)}`, { cause: error });
  }
}
