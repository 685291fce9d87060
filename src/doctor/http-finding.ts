/** Tells who may read what the daemon serves, and whether its certificate and its token can be read and will last. */

import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { isLoopback, isOpenToAll, TOKEN_LENGTH_MIN } from '../config/http-settings.ts';
import { showListen } from '../config/values.ts';
import { errorMessage } from '../errors.ts';
import { readCertificate } from '../files/certificate.ts';
import { readSecretFile } from '../files/secret-file.ts';
import type { Finding } from './finding.ts';

const CHECK = 'metrics address';
/** Who renews certificates by a program does so a month before. */
const ENDS_SOON_MS = 14 * 86_400_000;

export function examineServing(config: Config, clock: Clock): Finding {
  const { listen, 'http.tls': tls, 'http.tokenFile': tokenFile } = config;
  if (listen === 'off') return { check: CHECK, level: 'ok', message: 'nothing is served' };
  const where = showListen(listen);
  if (isOpenToAll(config)) {
    const advice = 'set http.token or http.tokenFile, and http.tls; or let nobody but Prometheus reach it';
    return { check: CHECK, level: 'notice', message: `${where}: whoever reaches it can read it`, advice };
  }
  try {
    const validToMs = tls === 'off' ? undefined : readCertificate(tls).validToMs;
    if (tokenFile !== 'off') readSecretFile(tokenFile, TOKEN_LENGTH_MIN);
    return { check: CHECK, ...lasting(where, validToMs, clock.now()), ...inTheClear(config) };
  } catch (error) {
    const advice = 'until this is mended the daemon does not start, and no reload is taken over';
    return { check: CHECK, level: 'problem', message: errorMessage(error), advice };
  }
}

function lasting(where: string, validToMs: number | undefined, nowMs: number): Omit<Finding, 'check'> {
  if (validToMs === undefined) return { level: 'ok', message: where };
  const message = `${where}: its certificate is valid until ${new Date(validToMs).toISOString()}`;
  const advice = 'renew it, and send the daemon SIGHUP';
  if (validToMs <= nowMs) return { level: 'problem', message, advice };
  return validToMs - nowMs < ENDS_SOON_MS ? { level: 'notice', message, advice } : { level: 'ok', message };
}

/** A token that goes over a network as it is. */
function inTheClear({ listen, 'http.tls': tls }: Config): Partial<Finding> {
  if (listen === 'off' || isLoopback(listen) || tls !== 'off') return {};
  return {
    level: 'notice',
    message: `${showListen(listen)}: the token goes over the network as it is`,
    advice: 'set http.tls, or put a proxy with a certificate before it',
  };
}
