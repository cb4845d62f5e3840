"""The gateway as an app (formerly add-on) of Home Assistant, as in its container.

It sees a root folder of its own: the machine's, but with `/data/options.json`, and with a hosts
file in which `supervisor` is the stand-in: a mount namespace; the machine stays as it is.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from support.gateway import PACKAGE_DIR, GatewayProcess
from support.ports import free_port, rtp_port
from support.real_home_assistant import WEBHOOK_ID
from support.require import MissingError
from support.supervisor import APP_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.supervisor import StandInSupervisor

# Arguments: the new root, what differs in it, the command.
ENTER = """
set -eu
root=$1 files=$2
shift 2
mount -t tmpfs none "$root"
for entry in /*; do
    if [ -L "$entry" ]; then
        cp -P "$entry" "$root/"
    elif [ -d "$entry" ] && [ "$entry" != /data ]; then
        mkdir "$root$entry"
        mount --rbind "$entry" "$root$entry"
    fi
done
mkdir "$root/data"
mount --bind "$files/data" "$root/data"
mount --bind "$files/hosts" "$root/etc/hosts"
exec chroot "$root" "$@"
"""


def can_enter() -> None:
    """Raise `MissingError` where this machine allows no root folder of one's own."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", error)
        msg = f"a mount namespace wants root, and the right to mount: {said}"
        raise MissingError(msg) from error


class AppGateway(GatewayProcess):
    """The gateway with options of an app, and no other settings."""

    def __init__(
        self,
        folder: Path,
        supervisor: StandInSupervisor,
        *,
        menu_file: Mapping[str, Any] | None = None,
        token: str = APP_TOKEN,
        **sections: Mapping[str, Any],
    ) -> None:
        """Run in `folder`; keyword arguments add to sections of the options."""
        port = free_port()
        root, files = folder / "root", folder / "files"
        root.mkdir()
        (files / "data").mkdir(parents=True)
        options = _options(port)
        if menu_file is not None:
            path = files / "data" / "incoming.yaml"
            path.write_text(yaml.safe_dump(dict(menu_file)), encoding="utf-8")
            options["sip"]["incoming_call_file"] = "/data/incoming.yaml"
        for name, section in sections.items():
            options.setdefault(name, {}).update(section)
        (files / "data" / "options.json").write_text(json.dumps(options), encoding="utf-8")
        hosts = f"127.0.0.1 localhost\n{supervisor.address[0]} supervisor\n"
        (files / "hosts").write_text(hosts, encoding="utf-8")
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PACKAGE_DIR),
            "SUPERVISOR_TOKEN": token,
        }
        command = [
            *("unshare", "--mount", "sh", "-c", ENTER, "enter", str(root), str(files)),
            *("env", "-i", *[f"{name}={value}" for name, value in environment.items()]),
        ]
        super().__init__(folder, port=port, prefix=command)


def _options(port: int) -> dict[str, dict[str, Any]]:
    """Return the default options of the user's document, as far as they suit a test."""
    return {
        "sip_global": {
            "port": port,
            "log_level": 4,
            "name_server": "",
            "cache_dir": "",
            "global_options": f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)}",
        },
        "sip": {
            "enabled": True,
            "registrar_uri": "",
            "id_uri": f"sip:house@127.0.0.1:{port}",
            "realm": "*",
            "user_name": "homeassistant",
            "password": "secure",
            "answer_mode": "accept",
            "settle_time": 0.1,
            "incoming_call_file": "",
            "options": "",
        },
        "sip_2": {"enabled": False},
        "tts": {"engine_id": "tts.espeak", "language": "en", "debug_print": False, "voice": ""},
        "webhook": {"id": WEBHOOK_ID},
        "sensors": {"enabled": False},
    }
