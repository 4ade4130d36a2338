# The production image. The service needs:
#   - Docker's socket:        -v /var/run/docker.sock:/var/run/docker.sock
#   - the games' state at the same path as on the host, because the host's Docker mounts it:
#                             -v /var/lib/galaxy/games:/var/lib/galaxy/games
#   - the engines' network:   --network galaxy-net, and one for callers: see docs/networks.md
#   - its settings:           --env-file, see dev/env.sample
#   - its secrets, as files:  -v …/redis_password:/run/secrets/redis_password:ro
#                             -e RTMANAGER_REDIS_PASSWORD_FILE=/run/secrets/redis_password
# `make image` builds it with its version and revision, and writes a list of what it contains.
# By digest, so that every build is made of the same bytes; `make pin-images` renews it.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

WORKDIR /src
RUN python -m venv /opt/rtmanager
ENV PATH=/opt/rtmanager/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# Dependencies change less often than the code, so they have a layer of their own.
COPY requirements/ requirements/
RUN pip install --require-hashes --requirement requirements/runtime.txt
COPY . .
# Build tools stay out of the runtime environment.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt \
    && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheels . \
    && pip install --no-deps /tmp/wheels/*.whl

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

ARG VERSION=unknown REVISION=unknown
LABEL org.opencontainers.image.title="Galaxy Runtime Manager" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION

COPY --from=build /opt/rtmanager /opt/rtmanager
ENV PATH=/opt/rtmanager/bin:$PATH PYTHONUNBUFFERED=1

# It runs as root on purpose: giving each state directory to its image's own user requires root, and
# access to Docker's socket is equivalent to root anyway.
EXPOSE 8096
STOPSIGNAL SIGTERM
# Where it listens, or on loopback if that is every interface.
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import os, urllib.request; at = os.environ.get('RTMANAGER_INTERNAL_HTTP_ADDR', '').strip() or ':8096'; urllib.request.urlopen(f\"http://{'127.0.0.1' * at.startswith(':')}{at}/healthz\", timeout=2)"]
ENTRYPOINT ["rtmanager"]
CMD ["serve"]
