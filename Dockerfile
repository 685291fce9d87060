# claude-session-sweeper as a container: the daemon, or with `--run-now` one run.
#
# Mount the whole Claude directory at /claude (projects/ as a mount of its own would make every removal fail, and is refused),
# and at /state the directory in which the host keeps its resume map. Run it as the user who owns both. Nothing else is written:
# the root file system may be read-only.

ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# For building, none of the packages needs its install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build
# The lock file names better-sqlite3 12, for Node 20. Version 13 comes with its binary, so that nothing is compiled here.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund better-sqlite3@13
# The sources of SQLite are most of it. That the binding works without them shows here.
RUN rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
  && node -e "new (require('better-sqlite3'))(':memory:').close()" \
  # The build had no binding of SQLite, without which a run does not get far enough for its code cache.
  && node scripts/make-code-cache.mjs \
  && node /app/dist/program/main.js --version

FROM ${NODE_IMAGE} AS worker
LABEL org.opencontainers.image.title="claude-session-sweeper" \
  org.opencontainers.image.description="Prunes Claude transcripts and sweeps the map that resumes them; never a live session." \
  org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
  CLAUDE_CONFIG_DIR=/claude \
  SWEEPER_STATE_DIR=/state \
  SWEEPER_LISTEN=0.0.0.0:9842
# Owned by root: the worker cannot change its own program.
COPY --from=build /app/package.json /app/package.json
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
# A new named volume takes owner and mode from here.
RUN install -d -o 1000 -g 1000 -m 0700 /claude /state
VOLUME ["/claude", "/state"]
# The image's user `node`, as a number: so that an orchestrator can see that it is not root.
USER 1000:1000
EXPOSE 9842
# Of the port in SWEEPER_LISTEN, with http.tls or without. With `off`, or in a run by hand, take it out: --no-healthcheck.
HEALTHCHECK --interval=60s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const ask = (scheme, otherwise) => require(scheme).get({ host: '127.0.0.1', port: process.env.SWEEPER_LISTEN.split(':').pop(), path: '/healthz', rejectUnauthorized: false }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', otherwise); ask('http', () => ask('https', () => process.exit(1)))"]
# Without a shell between, so that SIGTERM reaches the worker; options of `docker run` are options of the program.
ENTRYPOINT ["node", "/app/dist/program/main.js"]
# With a terminal (docker run -it), no command would show how things are.
CMD ["daemon"]

# The bot of deploy/docker-compose.yml: examples/webhook-host.mjs with the library and the Agent SDK. Nothing else is built for the worker.
FROM ${NODE_IMAGE} AS example-bot
WORKDIR /bot
RUN npm init --yes >/dev/null && npm install --no-audit --no-fund @anthropic-ai/claude-agent-sdk
COPY --from=build /app node_modules/claude-session-sweeper
COPY examples/webhook-host.mjs ./
RUN install -d -o 1000 -g 1000 -m 0700 /claude /state
ENV NODE_ENV=production CLAUDE_CONFIG_DIR=/claude CLAUDE_HOOKS_STATE_DIR=/state HOST=0.0.0.0 PORT=8080
USER 1000:1000
CMD ["node", "webhook-host.mjs"]

FROM worker
