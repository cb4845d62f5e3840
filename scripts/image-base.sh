#!/usr/bin/env bash
# Makes the base of the image by debootstrap, where no image registry can be reached.
#
#   scripts/image-base.sh amd64|arm64 TAG
#
# What is in it is what Debian's slim image has. Needs root, debootstrap, buildah; for another
# architecture than the machine's own qemu-user-static.
set -euo pipefail

arch=$1
tag=$2
suite=trixie
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source-path=SCRIPTDIR source=debian-suite.sh
source "$here/debian-suite.sh"

# Let the kernel run programs of the other architecture, where nothing has told it how.
emulate() {
    local formats=/proc/sys/fs/binfmt_misc
    [ -e $formats/register ] || mount -t binfmt_misc none $formats
    [ -e $formats/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register
}

[ "$arch" = "$(dpkg --print-architecture)" ] || emulate
mirror=$(debian_mirror)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/ha-sip/image/$suite-$arch.tar
if [ ! -s "$kept" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    root=$work/root
    debootstrap --arch "$arch" --variant=minbase "$suite" "$root" "$mirror"
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* \
        "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/* \
        "$root"/usr/share/info/* "$root"/etc/resolv.conf "$root"/etc/hostname \
        "$root"/etc/apt/sources.list
    # As in Debian's slim image: what nobody reads in a container is not installed either.
    printf 'path-exclude %s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' \
        '/usr/share/info/*' >"$root/etc/dpkg/dpkg.cfg.d/docker"
    cat >"$root/etc/apt/sources.list.d/debian.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: $suite $suite-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
    mkdir -p "$(dirname "$kept")"
    tar -C "$root" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
        -cf "$kept.part" .
    mv "$kept.part" "$kept"
fi
container=$(buildah from --arch "$arch" scratch)
buildah add --quiet "$container" "$kept" / >/dev/null
buildah config --cmd bash "$container"
buildah commit --quiet --rm "$container" "$tag"
