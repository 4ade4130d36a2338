# The production image (docs/deploying.md; deploy/compose.yaml runs it with all it needs).
# `make image` builds it with its version and revision, and writes a list of what it contains.
# By digest, so that every build is made of the same bytes; `make pin-images` renews it.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM $BASE AS build

# For an index of your own, or for none: put every locked wheel into wheelhouse/ then.
ARG PIP_INDEX_URL PIP_NO_INDEX
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_FIND_LINKS=/src/wheelhouse PIP_ONLY_BINARY=:all:
WORKDIR /src
# Neither pip nor build tools get into the runtime environment.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/rtmanager
# Dependencies change less often than the code, so they have a layer of their own.
COPY requirements/ requirements/
# The directory need not exist.
COPY pyproject.toml wheelhous[e] wheelhouse/
RUN /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt \
    && /opt/build/bin/pip --python /opt/rtmanager/bin/python install --require-hashes --requirement requirements/runtime.txt
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheels . \
    && /opt/build/bin/pip --python /opt/rtmanager/bin/python install --no-deps /tmp/wheels/*.whl

FROM $BASE

ARG VERSION=unknown REVISION=unknown
LABEL org.opencontainers.image.title="Galaxy Runtime Manager" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION

# A user of its own. It may use Docker by the group of the socket (`--group-add`), which makes it as
# powerful as root on the host all the same: docs/deploying.md.
RUN groupadd --gid 8096 rtmanager \
    && useradd --uid 8096 --gid 8096 --no-create-home --home-dir / --shell /usr/sbin/nologin rtmanager
COPY --from=build /opt/rtmanager /opt/rtmanager
ENV PATH=/opt/rtmanager/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

USER 8096:8096
EXPOSE 8096
STOPSIGNAL SIGTERM
# Where it listens, or on loopback if that is every interface.
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import os, urllib.request; at = os.environ.get('RTMANAGER_INTERNAL_HTTP_ADDR', '').strip() or ':8096'; urllib.request.urlopen(f\"http://{'127.0.0.1' * at.startswith(':')}{at}/healthz\", timeout=2)"]
ENTRYPOINT ["rtmanager"]
CMD ["serve"]
