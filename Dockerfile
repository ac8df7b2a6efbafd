# One image for every process of the server, and for collectors: see docker-compose.yml.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv /build && /build/bin/pip install --require-hashes -r requirements/build.txt \
 && python -m venv /opt/offhook && /opt/offhook/bin/pip install --require-hashes -r requirements/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY collectors collectors
COPY monitor monitor
COPY dashboard dashboard
RUN /build/bin/python -m hatchling build -t wheel -d /dist \
 && /opt/offhook/bin/pip install --no-deps /dist/*.whl

FROM python:3.13-slim
# tshark: for the receiver that dissects TLS and odd encapsulations. Build with WITH_TSHARK=no to do without.
ARG WITH_TSHARK=yes
RUN if [ "$WITH_TSHARK" = yes ]; then \
      apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tshark \
      && rm -rf /var/lib/apt/lists/*; \
    fi \
 && useradd --system --uid 8600 --home-dir /var/lib/offhook --create-home offhook
COPY --from=build /opt/offhook /opt/offhook
ENV PATH=/opt/offhook/bin:$PATH PYTHONUNBUFFERED=1 \
    OFFHOOK_STATE_DIR=/var/lib/offhook OFFHOOK_BIND=0.0.0.0
USER offhook
WORKDIR /var/lib/offhook
VOLUME /var/lib/offhook
EXPOSE 8600
CMD ["offhook", "web"]
