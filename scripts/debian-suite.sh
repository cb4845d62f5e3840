# shellcheck shell=bash
# Reaches into another suite of Debian than the one installed, without changing the machine's apt:
# sourced by the scripts that need a source package, or a newer program.

# Print the mirror that this machine uses.
debian_mirror() {
    grep -rhv '^#' /etc/apt --include='*.list' --include='*.sources' |
        grep -o 'https\?://[^ ]*/debian\b' | sed -n 1p
}

# Set up a folder as the home of an apt for one suite: apt_home FOLDER deb|deb-src SUITE
apt_home() {
    local home=$1 kind=$2 suite=$3 mirror
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || return 1
    mkdir -p "$home/lists/partial" "$home/cache"
    echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$home/sources.list"
    apt_at "$home" update
}

# Run apt-get in such a home; a mirror that lags behind will do. apt_at FOLDER ARGUMENTS
apt_at() {
    local home=$1
    shift
    apt-get -o "Dir::Etc::SourceList=$home/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$home/lists" -o "Dir::Cache=$home/cache" \
        -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false "$@"
}
