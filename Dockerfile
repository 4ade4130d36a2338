# The production image. The service needs:
#   - Docker's socket:        -v /var/run/docker.sock:/var/run/docker.sock
#   - the games' state at the same path as on the host, because the host's Docker mounts it:
#                             -v /var/lib/galaxy/games:/var/lib/galaxy/games
#   - the engines' network:   --network galaxy-net, and one for callers: see docs/networks.md
#   - its settings:           --env-file, see dev/env.sample
FROM python:3.13-slim AS build

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

FROM python:3.13-slim

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
