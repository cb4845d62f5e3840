# The image of ha-sip, as add-on ("app") of Home Assistant and for Docker or Podman.
# What it is built with stays in the first stage; the second holds what runs.
ARG BASE=debian:trixie-slim

# hadolint ignore=DL3006
FROM ${BASE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /build
# ffmpeg's sources are Debian's, with Debian's patches.
RUN sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/*.sources
COPY scripts/pjsua2-packages.sh scripts/
# hadolint ignore=DL3008,SC1091,SC3054
RUN source scripts/pjsua2-packages.sh \
    && apt-get update \
    && apt-get install -y --no-install-recommends python3-dev python3-venv "${pjsua2_packages[@]}"
COPY scripts/build-ffmpeg.sh scripts/
RUN scripts/build-ffmpeg.sh /usr/local/bin
# The cache of the build must not end up in the home of anybody.
ENV XDG_CACHE_HOME=/build/cache
COPY scripts/build-pjsua2.sh scripts/debian-suite.sh scripts/pjproject-2.17.patch scripts/
# For a network that needs settings of its own for pip; none of them get into the image.
ARG PIP_CONFIG_FILE=/dev/null
RUN python3 -m venv /opt/ha-sip && scripts/build-pjsua2.sh /opt/ha-sip
COPY pyproject.toml README.md LICENSE ./
COPY ha-sip ha-sip
# Nothing that runs has use for pip.
# hadolint ignore=DL3042
RUN /opt/ha-sip/bin/pip install --no-cache-dir . \
    && /opt/ha-sip/bin/pip uninstall -y setuptools pip

# hadolint ignore=DL3006
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates espeak-ng libopus0 libspeex1 libspeexdsp1 libsrtp2-1 libssl3t64 \
        python3-minimal python3 tzdata \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
    && useradd --uid 1000 --create-home --shell /usr/sbin/nologin ha-sip \
    && mkdir /config && chown ha-sip: /config
COPY --from=build /usr/local/bin/ffmpeg /usr/local/bin/ffmpeg
COPY --from=build /opt/ha-sip /opt/ha-sip
# As root, which Docker starts it as, it becomes this user; as an add-on it must not.
ENV PATH=/opt/ha-sip/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HASIP_USER=ha-sip \
    HASIP_HEALTH_SOCKET=/tmp/ha-sip-health.sock
WORKDIR /config
ARG BUILD_VERSION=dev
LABEL io.hass.type="app" \
    io.hass.version="${BUILD_VERSION}" \
    io.hass.arch="aarch64|amd64" \
    org.opencontainers.image.title="ha-sip" \
    org.opencontainers.image.description="A SIP gateway for Home Assistant" \
    org.opencontainers.image.version="${BUILD_VERSION}" \
    org.opencontainers.image.licenses="GPL-3.0-or-later"
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=1 \
    CMD ["ha-sip", "--healthcheck"]
ENTRYPOINT ["ha-sip"]
CMD ["--restart"]
