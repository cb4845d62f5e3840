#!/usr/bin/env bash
# Builds pjproject 2.17's Python binding (pjsua2) and installs it into a virtual environment.
#
#   scripts/build-pjsua2.sh VENV [LINK]
#
# LINK is made to lead to pjproject's headers and libraries, for programs in C.
#
# The sources come from the tarball that PJPROJECT_TARBALL names, else from the release, else from
# Debian, whose source package asterisk carries them. They must have a SHA-256 that is pinned here,
# or the one that PJPROJECT_SHA256 names instead. What was built is kept, by that and by how it is
# built: a second time takes seconds.
set -euo pipefail

venv=$(cd "$1" && pwd)
python=$venv/bin/python
version=2.17
release_url=https://github.com/pjsip/pjproject/archive/refs/tags/$version.tar.gz
release_sha256=065fe06c06788d97c35f563796d59f00ce52fe9558a52d7b490a042a966facce
# Debian's copy has the bundled third-party code removed.
debian_sha256=6860c2f7604b4eee75f38151a9ef69774eb3f0c5286fc1d14bc1db2dc5a9e8aa
pinned="$release_sha256 $debian_sha256"
wanted=${PJPROJECT_SHA256:-$pinned}

calls=256
accounts=32

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source-path=SCRIPTDIR source=debian-suite.sh
source "$here/debian-suite.sh"
patch=$here/pjproject-$version.patch  # it says what it is for
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ha-sip/pjsua2

# End here if sources are not what they must be.
check_sources() {
    local found
    found=$(sha256sum <"$1" | cut -d' ' -f1)
    case " $wanted " in
        *" $found "*) ;;
        *)
            echo "The sources have the SHA-256 $found, not the one pinned for $version" \
                "or named by PJPROJECT_SHA256." >&2
            echo "If you trust them, set PJPROJECT_SHA256=$found" >&2
            exit 1
            ;;
    esac
}

fetch_from_debian() {
    local work=$1 url name
    apt_home "$work/apt" deb-src unstable
    read -r url name < <(apt_at "$work/apt" source --print-uris --download-only asterisk |
        tr -d "'" | awk '$2 ~ /orig-[Xx]pjproject/ && $2 !~ /asc$/ {print $1, $2; exit}')
    [ -n "${url:-}" ] || return 1
    echo "fetching $name"
    (cd "$work" && apt_at "$work/apt" source --download-only asterisk)
    mv "$work/$name" "$work/sources"
}

fetch_sources() {
    local work=$1
    if [ -n "${PJPROJECT_TARBALL:-}" ]; then
        cp "$PJPROJECT_TARBALL" "$work/sources"
    elif ! curl -fsSL --connect-timeout 10 --max-time 300 -o "$work/sources" "$release_url"; then
        fetch_from_debian "$work" || {
            echo "No sources of pjproject: set PJPROJECT_TARBALL to a tarball of $version" >&2
            exit 1
        }
    fi
    check_sources "$work/sources"
    mkdir "$work/src"
    tar -xf "$work/sources" -C "$work/src" --strip-components 1
    patch -d "$work/src" -p1 <"$patch"
}

configure_and_make() {
    cat >pjlib/include/pj/config_site.h <<EOF
#define PJSUA_MAX_CALLS $calls
#define PJSUA_MAX_ACC $accounts
#define PJSUA_MAX_PLAYERS 512
#define PJSUA_MAX_RECORDERS 512
#define PJSUA_MAX_CONF_PORTS 1300
#define PJ_IOQUEUE_MAX_HANDLES 2048
#define PJMEDIA_MAX_SDP_MEDIA 8
#define PJ_HAS_IPV6 1
#define PJ_GETHOSTIP_DISABLE_LOCAL_RESOLUTION 1
#define PJSIP_MAX_TSX_COUNT 4095
#define PJSIP_MAX_DIALOG_COUNT 2047
#define PJSIP_MAX_PKT_LEN 16000
EOF
    # Debian's copy lacks it, and the build wants it to be there.
    [ -e pjmedia/src/pjmedia-audiodev/bdimad_dev.c ] ||
        touch pjmedia/src/pjmedia-audiodev/bdimad_dev.c
    CFLAGS='-O2 -fPIC -DNDEBUG' ./configure \
        --enable-epoll --enable-speex-resample --disable-video --disable-sound \
        --disable-libwebrtc --disable-libwebrtc-aec3 --disable-libyuv \
        --disable-gsm-codec --disable-ilbc-codec --disable-g7221-codec \
        --with-external-srtp --with-external-speex
    make dep
    make -j"$(nproc)" lib
}

bind_to_python() {
    # The module says what it was built for, since pjsua2 itself does not.
    cat >>pjsip-apps/src/swig/pjsua2.i <<EOF
%pythoncode %{
HASIP_MAX_CALLS = $calls
HASIP_MAX_ACCOUNTS = $accounts
%}
EOF
    "$python" -m pip install --quiet --disable-pip-version-check setuptools
    make -C pjsip-apps/src/swig/python PYTHON_EXE="$python"
    (cd pjsip-apps/src/swig/python && "$python" setup.py build)
    rm -rf "$built.part" && mkdir -p "$built.part"
    cp pjsip-apps/src/swig/python/pjsua2.py "$built.part"
    find pjsip-apps/src/swig/python/build -name '_pjsua2*.so' -exec cp {} "$built.part" \;
    strip --strip-unneeded "$built.part"/_pjsua2*.so
    keep_for_c
    mv "$built.part" "$built"
}

# The benchmarks compare us with a program in C (tests/bench/calls.c) on the very same libraries.
keep_for_c() {
    rm -rf "$built-c" && mkdir "$built-c"
    make install prefix="$built-c"
    strip --strip-debug "$built-c"/lib/*.a
}

# Print what decides about the build, beside the sources; comments do not.
recipe() {
    declare -f configure_and_make bind_to_python keep_for_c
    echo "$version $pinned $calls $accounts"
    cat "$patch"
}

# A tarball that is named is checked even if nothing has to be built.
[ -z "${PJPROJECT_TARBALL:-}" ] || check_sources "$PJPROJECT_TARBALL"
abi=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))')
built=$cache/$version-$(recipe | sha256sum | cut -c1-12)-$abi
case " $pinned " in
    *" $wanted "*) ;;
    *) built+=-$wanted ;; # other sources, another build
esac
if [ ! -d "$built" ]; then
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    if ! flock -n 9; then
        echo "pjsua2 is being built already; waiting for that, for up to 30 minutes" >&2
        flock -w 1800 9 || {
            echo "That has not ended. See who holds $cache/lock" >&2
            exit 1
        }
    fi
fi
if [ ! -d "$built" ]; then # nor did the other one build it
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    fetch_sources "$work"
    ( # no list with &&, in which a step that fails would not end it
        cd "$work/src"
        configure_and_make
        bind_to_python
    )
fi
exec 9>&- # where it is open
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
cp "$built"/* "$site"
[ -z "${2:-}" ] || ln -sfn "$built-c" "$2"
"$python" -c 'import pjsua2; print("pjsua2 for", pjsua2.HASIP_MAX_CALLS, "calls")'
