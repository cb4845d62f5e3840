"""A real registrar and proxy: Kamailio with a few users, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRAM = "/usr/sbin/kamailio"

CONFIGURATION = """#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
enable_tls=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}

loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "htable.so"

modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 3600)
modparam("htable", "htable", "users=>size=6;")

event_route[htable:mod-init] {{
{users}
}}

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{ t_relay(); }}
        exit;
    }}
    if (has_totag()) {{
        if (loose_route() || is_method("ACK")) {{ t_relay(); }}
        exit;
    }}
    t_check_trans();
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$td", "$sht(users=>$tU)", "0")) {{
            if ($retcode == -2) {{ sl_send_reply("403", "Forbidden (bad password)"); exit; }}
            if ($retcode == -3) {{ sl_send_reply("403", "Forbidden (no such user)"); exit; }}
            www_challenge("$td", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (is_method("OPTIONS") && $rU == $null) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("INVITE") && $sht(users=>$fU) != $null) {{
        if (!pv_proxy_authenticate("$fd", "$sht(users=>$fU)", "0")) {{
            proxy_challenge("$fd", "1");
            exit;
        }}
        consume_credentials();
    }}
    if (is_method("INVITE")) {{ record_route(); }}
    if ($rU == "busy") {{ sl_send_reply("486", "Busy Here"); exit; }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"""


class Kamailio:
    """A registrar and proxy that can be stopped and started again; it forgets meanwhile."""

    def __init__(self, folder: Path, port: int, users: Mapping[str, str]) -> None:
        """Keep its files in `folder`; `users` are names with passwords."""
        self.port = port
        self.address = ("127.0.0.1", port)
        self._folder = folder
        self._config = folder / "kamailio.cfg"
        lines = "\n".join(f'    $sht(users=>{name}) = "{word}";' for name, word in users.items())
        self._config.write_text(CONFIGURATION.format(port=port, users=lines), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Be there."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.stop()

    def start(self) -> None:
        """Start, and wait until it listens."""
        runtime = self._folder / "run"
        runtime.mkdir(exist_ok=True)
        with (self._folder / "kamailio.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(PROGRAM, "-f", str(self._config), "-DD", "-E", "-m", "64", "-M", "8"),
                    *("-w", str(runtime), "-Y", str(runtime), "-P", str(runtime / "pid")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._listens, f"Kamailio listens; its log is {self._folder}/kamailio.log")

    def stop(self) -> None:
        """Stop; all registrations are forgotten."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            log = (self._folder / "kamailio.log").read_text(encoding="utf-8", errors="replace")
            msg = f"Kamailio did not start:\n{log[-3000:]}"
            raise AssertionError(msg)
        with contextlib.suppress(OSError), socket.create_connection(self.address, 0.2):
            return True
        return False
