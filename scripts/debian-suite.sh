# shellcheck shell=bash
# Reaches into another suite of Debian than the one installed, without changing the machine's apt:
# sourced by the scripts that need a source package, or a newer program.

# Print the mirror that this machine uses.
debian_mirror() {
    local mirror
    mirror=$(known_mirror)
    if [ -z "$mirror" ] && [ "$(id -u)" = 0 ]; then # a new machine: apt has no lists yet
        apt-get -q update >&2
        mirror=$(known_mirror)
    fi
    echo "$mirror"
}

# Print the mirror of the release, not of its updates, that apt knows.
known_mirror() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' |
        awk '$1 == "Debian" && $2 !~ /-/ && !found {print $3; found = 1}'
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
