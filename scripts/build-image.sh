#!/usr/bin/env bash
# Builds the image with what there is: docker, else buildah.
#
#   scripts/build-image.sh [--arch amd64|aarch64] [--tag NAME] [--base IMAGE]
#
# Another architecture than the machine's own is built under emulation, if the kernel knows how
# (package qemu-user-static); that takes an hour or more.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
arch=$(uname -m)
tag=ha-sip
base=
while [ $# -gt 0 ]; do
    case $1 in
        --arch) arch=${2:?--arch needs amd64 or aarch64} ;;
        --tag) tag=${2:?--tag needs a name} ;;
        --base) base=${2:?--base needs an image} ;;
        *)
            echo "unknown argument: $1; known are --arch, --tag, --base" >&2
            exit 2
            ;;
    esac
    shift 2
done
case $arch in
    amd64 | x86_64) platform=linux/amd64 ;;
    arm64 | aarch64) platform=linux/arm64 ;;
    *)
        echo "--arch must be amd64 or aarch64; got \"$arch\"" >&2
        exit 2
        ;;
esac

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$project/pyproject.toml")
arguments=(--platform "$platform" --build-arg "BUILD_VERSION=$version" --tag "$tag")
[ -z "$base" ] || arguments+=(--build-arg "BASE=$base")

if docker info >/dev/null 2>&1; then
    docker build "${arguments[@]}" "$project"
elif command -v buildah >/dev/null; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if [ -n "${PIP_CERT:-}" ]; then
        # A network that opens TLS: pip must trust it, while it builds and not in the image.
        cp "$PIP_CERT" "$work/ca.crt"
        printf '[global]\ncert = /mnt/ca.crt\n' >"$work/pip.conf"
        arguments+=(--volume "$work:/mnt:ro" --build-arg PIP_CONFIG_FILE=/mnt/pip.conf)
    fi
    # Health checks are no part of OCI's format. Chroot isolation works inside containers, too.
    buildah build --layers --format docker --isolation chroot --network host "${arguments[@]}" "$project"
else
    echo "Neither docker (with its daemon) nor buildah is there; install one, for example:" >&2
    echo "    sudo apt-get install buildah" >&2
    exit 2
fi
echo "built $tag ($platform)"
