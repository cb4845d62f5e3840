#!/usr/bin/env bash
# The one entry for everything that is done with this project; `./build.sh help` lists it.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VENV:-$project/.venv}
logs=${XDG_CACHE_HOME:-$HOME/.cache}/ha-sip/logs

# What each command needs of Debian, beside Python.
demo_packages=(ffmpeg espeak-ng)
test_packages=(
    ffmpeg espeak-ng baresip-core kamailio kamailio-tls-modules sip-tester mosquitto openssl
    asterisk-core-sounds-en-wav       # recorded speech, in which no digit may be heard
    g++ patchelf debian-archive-keyring  # a real Home Assistant, and the Python that it wants
    iproute2 procps nftables unbound coturn  # networks of their own, with NAT and a name server
    strace apparmor                   # what the program does, and what its profile allows
)
bench_packages=(ffmpeg espeak-ng sip-tester gcc libc6-dev pkg-config)
check_packages=(shellcheck apparmor)
image_test_packages=(buildah podman runc debootstrap qemu-user-static)

usage() {
    cat <<'EOF'
./build.sh COMMAND

  demo                         show the main job on embedded parts; needs no configuration
  test [ARGUMENTS]             run all tests, in two processes beside each other; with arguments,
                               which go to pytest, in one. pjsua2 is built for them
  create-venv [--from-source]  set up .venv, with pjsua2 as a wheel or built from source
  run-local [ARGUMENTS]        run the gateway in the foreground, commands on stdin
  check                        format, lint, types, walls between the folders, known holes in
                               the Python packages
  bench [--quick] [--build wheel|source|both] [NAME...]
                               measure, print figures and write bench.json; --into-docs bench.json
                               puts them into docs/performance.md
  fuzz [SURFACE...] [--seconds N] [--seed N]
                               send broken input to each surface; what fails goes to fuzz-failures
  soak [--calls N] [--rests N] [--seed N] [--build wheel|source]
                               thousands of calls of all kinds: what each got, and what is left
  chaos [--rounds N] [--seed N] everything around a gateway fails while people telephone (as root)
  image [--arch ARCH] [--tag NAME] [--base IMAGE]
                               build the container image with docker or buildah; ARCH is amd64 or
                               aarch64
  image-test [ARGUMENTS]       build it on a base of its own, without an image registry, and test
                               it (as root); IMAGE_ARCH=arm64 does so under emulation
  help                         this text

Variables: PYTHON (the interpreter), VENV (the virtual environment), PJPROJECT_TARBALL and
PJPROJECT_SHA256 (sources for --from-source, and the SHA-256 that they have in place of the pinned).
EOF
}

# Run a long step with one line on the terminal; its output goes into a file.
step() {
    local name=$1 started=$SECONDS
    shift
    mkdir -p "$logs"
    local log=$logs/${name// /-}.log
    printf '%s … ' "$name" >&2
    if "$@" >"$log" 2>&1; then
        printf 'done (%d s)\n' $((SECONDS - started)) >&2
    else
        printf 'FAILED\n' >&2
        tail -n 20 "$log" >&2
        echo "All of it is in $log" >&2
        exit 1
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -q
    # Another apt may be at work: on a new machine, the one that updates it.
    as_root apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# Install the Debian packages that are missing, or say which they are.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    if ! command -v apt-get >/dev/null || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; }; then
        echo "These packages are missing: ${missing[*]}" >&2
        echo "Install them, for example: sudo apt-get install ${missing[*]}" >&2
        exit 2
    fi
    step "installing ${#missing[@]} Debian packages" apt_install "${missing[@]}"
}

# Print the first Python that is recent enough and really runs.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.12 python3.11 python3.13 python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

has_wheel() {
    "$1" -c 'import platform, sys
sys.exit(not (platform.machine() == "x86_64" and sys.version_info < (3, 13)))'
}

# What the virtual environment was made from; it is made anew when that changes.
stamp_of() {
    local sources=
    if [ "$2" = source ]; then
        sources=${PJPROJECT_SHA256:-}
        [ -z "${PJPROJECT_TARBALL:-}" ] || sources+=$(sha256sum <"$PJPROJECT_TARBALL") || return
    fi
    {
        cat "$project/pyproject.toml" "$project/scripts/build-pjsua2.sh" "$project"/scripts/*.patch
        echo "$1 $2 $sources"
    } | sha256sum | cut -d' ' -f1
}

create_venv() {
    local python pjsua2=wheel
    if ! python=$(find_python); then
        need_packages python3 python3-venv
        python=$(find_python) || { echo "Python 3.11 or later is needed" >&2; exit 2; }
    fi
    if [ "${1:-}" = --from-source ]; then
        pjsua2=source
    elif [ -f "$venv/.pjsua2-from-source" ]; then
        pjsua2=source # somebody wanted it so
    elif ! has_wheel "$python"; then
        echo "There is no wheel of pjsua2 for this machine: building it, about 5 minutes" >&2
        pjsua2=source
    fi
    local stamp
    stamp=$(stamp_of "$python" "$pjsua2")
    if [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    rm -f "$venv/.stamp"
    step "creating the virtual environment" "$python" -m venv --clear "$venv"
    local extras=dev
    [ $pjsua2 = wheel ] && extras=dev,wheel
    step "installing Python packages" \
        "$venv/bin/pip" install --disable-pip-version-check -e "${project}[$extras]"
    if [ $pjsua2 = source ]; then
        # shellcheck source-path=SCRIPTDIR source=scripts/pjsua2-packages.sh
        source "$project/scripts/pjsua2-packages.sh"
        need_packages "${pjsua2_packages[@]}"
        step "building pjsua2 from source" \
            "$project/scripts/build-pjsua2.sh" "$venv" "$venv/pjproject"
        # Where PYTHONDONTWRITEBYTECODE is set, every start would do it, in 10 MiB and 0.2 s.
        "$venv/bin/python" -m py_compile "$("$venv/bin/python" -c \
            'import pjsua2; print(pjsua2.__file__)')"
        touch "$venv/.pjsua2-from-source"
    fi
    echo "$stamp" >"$venv/.stamp"
}

# Some tests need what only pjsua2 built from source has; most run on what a user has at first.
create_source_venv() {
    [ -f "$venv/.pjsua2-from-source" ] ||
        VENV=$project/.venv-source "$project/build.sh" create-venv --from-source
}

check() {
    create_venv
    need_packages "${check_packages[@]}"
    cd "$project"
    "$venv/bin/ruff" format --check .
    "$venv/bin/ruff" check .
    "$venv/bin/mypy"
    "$venv/bin/lint-imports"
    shellcheck -x build.sh .ci/run scripts/*.sh
    "$venv/bin/hadolint" Dockerfile
    apparmor_parser --skip-kernel-load --skip-cache --quiet apparmor.txt
    scripts/check-compose.sh
    "$venv/bin/python" scripts/check_dependencies.py
}

# Build the image and run its tests; slow, so not among the others.
image_test() {
    local arch=${IMAGE_ARCH:-$(dpkg --print-architecture)}
    need_packages "${test_packages[@]}" "${image_test_packages[@]}"
    create_venv
    local base=localhost/ha-sip-base:$arch
    step "making the base image" "$project/scripts/image-base.sh" "$arch" "$base"
    step "building the image" \
        "$project/scripts/build-image.sh" --arch "$arch" --base "$base" --tag "localhost/ha-sip:$arch"
    cd "$project"
    IMAGE=localhost/ha-sip:$arch "$venv/bin/python" -m pytest tests/image "$@"
}

command=${1:-help}
[ $# = 0 ] || shift
case $command in
    create-venv) create_venv "$@" ;;
    run-local)
        create_venv
        exec "$venv/bin/ha-sip" "$@"
        ;;
    demo)
        need_packages "${demo_packages[@]}"
        create_venv
        PYTHONPATH=$project:$project/tests exec "$venv/bin/python" -m demo "$@"
        ;;
    test)
        need_packages "${test_packages[@]}"
        create_venv
        create_source_venv
        cd "$project"
        [ $# != 0 ] || exec "$venv/bin/python" tests/lanes.py
        exec "$venv/bin/python" -m pytest "$@"
        ;;
    check) check ;;
    image) "$project/scripts/build-image.sh" "$@" ;;
    image-test) image_test "$@" ;;
    fuzz)
        need_packages "${test_packages[@]}"
        create_venv
        PYTHONPATH=$project/tests exec "$venv/bin/python" -m fuzz "$@"
        ;;
    soak)
        need_packages "${test_packages[@]}"
        create_venv
        [[ " $* " == *" --build wheel "* ]] || create_source_venv
        PYTHONPATH=$project/tests exec "$venv/bin/python" -m soak "$@"
        ;;
    chaos)
        need_packages "${test_packages[@]}"
        create_venv
        cd "$project"
        PYTHONPATH=$project/tests exec "$venv/bin/python" -m support.chaos "$@"
        ;;
    bench)
        need_packages "${bench_packages[@]}"
        create_venv
        [[ " $* " == *" --build wheel "* ]] || create_source_venv
        PYTHONPATH=$project/tests:$project/ha-sip exec "$venv/bin/python" -m bench "$@"
        ;;
    help | --help | -h) usage ;;
    *)
        echo "Unknown command: $command" >&2
        usage >&2
        exit 2
        ;;
esac
