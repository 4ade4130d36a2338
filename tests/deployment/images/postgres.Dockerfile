ARG BASE
FROM $BASE
RUN useradd --system --home-dir /var/lib/postgresql postgres \
    && mkdir --parents /var/lib/postgresql/data /var/run/postgresql /tmp/.s && chown postgres /var/run/postgresql
COPY pginstall /usr/lib/postgresql
COPY postgres-entrypoint /usr/local/bin/
ENV PATH=/usr/lib/postgresql/bin:$PATH
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["postgres-entrypoint"]
