/** Certificates of a test's own, for localhost and the loopback, as a person makes them with OpenSSL. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { CertificateFiles } from '../../src/files/certificate.ts';
import { throwIfMissing } from './installed.ts';

/** @param days for which it is valid from now on */
export function makeCertificate(directory: string, name: string, days = 90): CertificateFiles {
  throwIfMissing('openssl', 'openssl');
  const [cert, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  const ours = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  const theirs = ['-out', cert, '-days', String(days), '-subj', `/CN=${name}`, '-addext', names];
  execFileSync('openssl', ['req', '-x509', ...ours, ...theirs], { stdio: 'ignore' });
  return { cert, key };
}
