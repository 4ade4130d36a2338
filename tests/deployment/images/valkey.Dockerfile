ARG BASE
FROM $BASE
RUN useradd --system valkey && mkdir /data && chown valkey /data && ln -s redis-cli /usr/bin/valkey-cli
COPY valkey-server /usr/local/bin/
USER valkey
VOLUME /data
WORKDIR /data
