/** The settings of what the daemon serves over HTTP: where, to whom, and under which names. */

import { certificateOrOff, hostNames, pageDetails, pathOrOff, secretToken } from '../http-settings.ts';
import { showSecret } from '../notice-settings.ts';
import * as values from '../values.ts';
import { setting } from './setting.ts';

export function servingSettings(home: string) {
  return {
    listen: setting(values.listenAddress, {
      argument: 'HOST:PORT',
      description: 'where the daemon serves its status page, /metrics, /healthz and /readyz; `off` for nowhere',
      defaultText: '`127.0.0.1:9842`',
      defaultValue: () => ({ host: '127.0.0.1', port: 9842 }),
      show: values.showListen,
    }),
    'http.token': setting(secretToken, {
      argument: 'TOKEN',
      description:
        'what is asked of whoever reads it, but for /healthz and /readyz, as a bearer token or the password of any user; a secret, and never shown',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: showSecret,
      isSecret: true,
    }),
    'http.tokenFile': setting(pathOrOff(home), {
      argument: 'FILE',
      description: 'a file with that token instead, read at the start and at each reload',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: String,
    }),
    'http.tls': setting(certificateOrOff(home), {
      argument: 'JSON',
      description:
        'serves HTTPS by a certificate: `{cert, key}`, each a PEM file, read at the start and at each reload',
      defaultText: '`off`',
      defaultValue: () => 'off',
      show: (value) => (value === 'off' ? value : JSON.stringify(value)),
    }),
    'http.details': setting(pageDetails, {
      argument: 'WHEN',
      description:
        'whether the status page shows titles, paths and messages, which tell what conversations are about: `loopback` where it is served there alone, `always` or `never`',
      defaultText: '`loopback`',
      defaultValue: () => 'loopback',
      show: String,
    }),
    'http.hosts': setting(hostNames, {
      argument: 'NAME',
      description:
        'names under which it is served too, as a proxy calls it: on the loopback, where no other is answered but `localhost`, and elsewhere, where these alone are then',
      defaultText: 'none',
      defaultValue: () => [],
      show: (value) => value.join(','),
    }),
  };
}
