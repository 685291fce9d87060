/** A network before a PostgreSQL server: it can fall silent, and drop everybody. */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export async function networkTo(url: string) {
  const { pathname, searchParams: parameters } = new URL(url);
  const directory = parameters.get('host');
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server: Server = createServer((near) => {
    const far = connect(`${directory}/.s.PGSQL.5432`);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => isSilent || to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    drop();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return {
    url: `postgres://postgres@127.0.0.1:${port}${pathname}?sslmode=disable&search_path=${parameters.get('search_path')}`,
    drop,
    setSilent: (silent: boolean) => {
      isSilent = silent;
    },
  };
}
