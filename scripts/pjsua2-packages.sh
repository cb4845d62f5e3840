# shellcheck shell=bash
# The Debian packages that scripts/build-pjsua2.sh builds with; sourced by build.sh.
# shellcheck disable=SC2034
pjsua2_packages=(
    build-essential ca-certificates curl patch pkg-config swig xz-utils dpkg-dev
    libssl-dev libopus-dev libsrtp2-dev libspeex-dev libspeexdsp-dev
)
