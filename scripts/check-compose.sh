#!/usr/bin/env bash
# Has the real Compose read the compose files, with .env.example as a user would copy it.
#
# Debian stable's Compose is a single program without dependencies; it is fetched from there and
# kept where the installed Debian is older and has none.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=debian-suite.sh
source "$project/scripts/debian-suite.sh"
kept=${XDG_CACHE_HOME:-$HOME/.cache}/ha-sip/compose

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch_compose() {
    apt_home "$work/apt" deb trixie
    (cd "$work" && apt_at "$work/apt" download docker-compose && dpkg-deb -x docker-compose_*.deb root)
    mkdir -p "$kept"
    cp "$(find "$work/root" -type f -name docker-compose -perm -u+x | head -n 1)" "$kept/docker-compose.part"
    mv "$kept/docker-compose.part" "$kept/docker-compose"
}

if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
else
    [ -x "$kept/docker-compose" ] || fetch_compose >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    compose=("$kept/docker-compose")
fi

cp -r "$project"/docker-compose*.yml "$project/docker" "$work"
cp "$project/.env.example" "$work/.env"
cd "$work"
"${compose[@]}" -f docker-compose.yml config --quiet
"${compose[@]}" -f docker-compose.yml -f docker-compose.bridge.yml config --quiet
# What a user gets from the example: commands by the broker that is started beside it.
"${compose[@]}" -f docker-compose.yml config --format json >config.json
python3 - <<'PYTHON'
import json

services = json.load(open("config.json"))["services"]
gateway = services["ha-sip"]["environment"]
assert gateway["COMMAND_SOURCE"] == "mqtt", gateway["COMMAND_SOURCE"]
assert gateway["BROKER_ADDRESS"] == "127.0.0.1", gateway["BROKER_ADDRESS"]
assert services["ha-sip"]["depends_on"]["mosquitto"]["condition"] == "service_healthy"
PYTHON
