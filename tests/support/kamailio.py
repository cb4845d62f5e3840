"""A real registrar and proxy: Kamailio with a few users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.server import Server

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
tcp_connection_lifetime=3605
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
{tls_listen}

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
{tls_module}
modparam("registrar", "min_expires", {min_expires})
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", {max_expires})
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
    if ($rU == "moved") {{
        append_to_reply("Contact: <sip:alice@$Ri:$Rp>\r\n");
        sl_send_reply("302", "Moved Temporarily");
        exit;
    }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"""


@dataclass(frozen=True, slots=True)
class Tls:
    """How it listens for TLS."""

    port: int
    certificate: Path
    key: Path
    client_ca: Path | None = None  # asks for a certificate that this one signed

    def listen(self, host: str) -> str:
        """Return the lines of the configuration that are about sockets."""
        return f"enable_tls=yes\nlisten=tls:{host}:{self.port}"

    def module(self) -> str:
        """Return the lines that are about the module."""
        values = {
            "private_key": self.key,
            "certificate": self.certificate,
            "tls_method": "TLSv1.2+",
        }
        if self.client_ca is not None:
            values |= {"ca_list": self.client_ca}
        lines = [f'modparam("tls", "{name}", "{value}")' for name, value in values.items()]
        if self.client_ca is not None:
            lines += [
                f'modparam("tls", "{name}", 1)'
                for name in ("verify_certificate", "require_certificate")
            ]
        return "\n".join(['loadmodule "tls.so"', *lines])


class Kamailio(Server):
    """A registrar and proxy; what it forgets are its registrations."""

    def __init__(
        self,
        folder: Path,
        port: int,
        users: Mapping[str, str],
        host: str = "127.0.0.1",
        *,
        tls: Tls | None = None,
        min_expires_s: int = 0,
        max_expires_s: int = 3600,
    ) -> None:
        """Keep its files in `folder`; `users` are names with passwords."""
        lines = "\n".join(f'    $sht(users=>{name}) = "{word}";' for name, word in users.items())
        config, runtime = folder / "kamailio.cfg", folder / "run"
        self.tls = tls
        self.name = f"[{host}]" if ":" in host else host
        text = CONFIGURATION.format(
            host=self.name,
            port=port,
            users=lines,
            min_expires=min_expires_s,
            max_expires=max_expires_s,
            tls_listen="enable_tls=no" if tls is None else tls.listen(self.name),
            tls_module="" if tls is None else tls.module(),
        )
        config.write_text(text, encoding="utf-8")
        runtime.mkdir(exist_ok=True)
        command = [
            *(PROGRAM, "-f", str(config), "-DD", "-E", "-m", "64", "-M", "8"),
            *("-w", str(runtime), "-Y", str(runtime), "-P", str(runtime / "pid")),
        ]
        super().__init__(command, port, folder / "kamailio.log", host)


def account_at(
    port: int, user: str = "hasip", password: str = "secret", options: str = ""
) -> dict[str, str]:
    """Return the settings of an account at a registrar on 127.0.0.1."""
    return {
        "SIP1_ID_URI": f"sip:{user}@127.0.0.1:{port}",
        "SIP1_REGISTRAR_URI": f"sip:127.0.0.1:{port}",
        "SIP1_USER_NAME": user,
        "SIP1_PASSWORD": password,
        "SIP1_OPTIONS": options,
    }
