# The service's image; `--target simulator` is the TSB simulator's (for compose and tests only).
# Node runs the TypeScript sources as they are: there is nothing to build but the dependencies.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Without optional dependencies: the pinned Node of package.json is for machines whose own is too old.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY deploy/image/trim-modules.ts /
RUN node /trim-modules.ts node_modules

FROM ${NODE_IMAGE} AS sources
WORKDIR /app
COPY package.json LICENSE ./
COPY examples ./examples
COPY src ./src
# The service never imports the simulator, so its image does not hold it.
RUN mkdir /simulator && mv src/simulator /simulator/simulator && rm src/commands/demo.ts

FROM ${NODE_IMAGE} AS runtime
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 JOURNAL_URL=file:/data/journal.sqlite
# Any user id may run it (OpenShift picks one), so the one writable folder is writable for all, like /tmp.
# Nothing is installed any more: package managers only give scanners, and whoever gets in, something to find.
RUN mkdir /data && chmod 1777 /data && rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=sources /app ./
USER 65532
VOLUME /data
STOPSIGNAL SIGTERM

FROM runtime AS simulator
COPY --from=sources /simulator/simulator ./src/simulator
EXPOSE 8080
HEALTHCHECK --interval=2s --timeout=3s --start-period=20s --retries=3 CMD ["node", "-e", "fetch('http://127.0.0.1:8080/v1/versionInfo').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/simulator/main.ts", "--host", "0.0.0.0", "--port", "8080", "--root", "/data/simulator-root.pem", "--log-traces"]

# V8's compiled code and the stripped types of one start that answered its health check: later ones take a quarter less. Node keeps one folder
# per user id, so another user than the image's own starts as if there were none.
FROM runtime AS compiled
RUN export NODE_COMPILE_CACHE=/tmp/compile-cache AUTH_MODE=none TSB_URL=http://127.0.0.1:9 JOURNAL_URL=file:/tmp/journal.sqlite; \
    node --disable-sigusr1 src/server.ts & service=$!; \
    until NODE_COMPILE_CACHE=/tmp/compile-cache node src/healthcheck.ts; do kill -0 $service || exit 1; sleep 0.2; done; \
    kill $service && wait $service

FROM runtime AS service
COPY --from=compiled /tmp/compile-cache /app/compile-cache
ENV NODE_COMPILE_CACHE=/app/compile-cache
# glibc would give each thread an arena of its own, which keeps what it was given: 10 MB more with 256 transactions in flight.
ENV MALLOC_ARENA_MAX=2
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="attestation-bundler" \
      org.opencontainers.image.description="One HTTP request: key, CSR and key attestation from a Primus HSM, verified, as one zip for the QTSP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
EXPOSE 3000
HEALTHCHECK --interval=2s --timeout=3s --start-period=15s --retries=3 CMD ["node", "src/healthcheck.ts"]
# SIGUSR1 would open Node's debugger, which reads every secret in memory. There are no links among the packages, and not looking for them
# takes a quarter off the start.
CMD ["node", "--disable-sigusr1", "--preserve-symlinks", "src/server.ts"]
