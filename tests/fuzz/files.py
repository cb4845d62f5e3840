"""Menu files, options and the environment, read in a process of its own.

Each input has 60 s and 1 GiB there. Of menu files, every tenth is also given to a gateway that
is called, and of all now and then one to `ha-sip --check`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from fuzz.mutation import mutated, perhaps, spliced
from fuzz.surface import Pieces, Surface
from fuzz.wire import Wire
from support.gateway import PACKAGE_DIR

if TYPE_CHECKING:
    import contextlib
    import random
    from pathlib import Path

    from support.gateway import GatewayProcess

DEADLINE_S = 60.0  # the slowest takes 1 s, and the machine has more to do than this
_EVERY_CALL, _EVERY_CHECK = 10, 100


class ParserChild:
    """The process that reads."""

    def __init__(self, folder: Path) -> None:
        """Let it keep its input in `folder`."""
        folder.mkdir(exist_ok=True)
        paths = os.pathsep.join((str(PACKAGE_DIR), str(PACKAGE_DIR.parent / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.parser_child", str(folder)],
            env={"PYTHONPATH": paths, "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self, kind: bytes, data: bytes, deadline_s: float = DEADLINE_S) -> None:
        """Have it read an input; raises AssertionError where it fails or takes too long."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(kind + b" %d\n" % len(data) + data)
        process.stdin.flush()
        if not select.select([process.stdout], [], [], deadline_s)[0]:
            process.kill()
            raise AssertionError(f"{kind.decode()}: not read within {deadline_s} s")
        said = process.stdout.readline().decode()
        if said != "ok\n":
            why = json.loads(said[4:]) if said else "the process that reads has ended"
            raise AssertionError(f"{kind.decode()}: {why}")

    def close(self) -> None:
        """Go."""
        self._process.kill()
        self._process.communicate()


class _Parsed(Surface):
    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self._child = ParserChild(self.folder / "parsed")
        stack.callback(self._child.close)
        self._count = 0
        return {}

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:  # noqa: ARG002
        kind, data = pieces
        self._child.read(kind, data)
        self._count += 1
        if self._count % _EVERY_CHECK == 0:
            self._check(kind, data)

    def _check(self, kind: bytes, data: bytes) -> None:
        """Run the program as a user does; 0 and 2 are the codes it may end with."""
        path = self.folder / "checked"
        path.write_bytes(data)
        environ = {"PYTHONPATH": str(PACKAGE_DIR), "PATH": os.environ["PATH"]}
        environ |= {"SIP1_ENABLED": "1", "SIP1_ID_URI": "sip:a@b"}
        if kind == b"menu":
            environ["SIP1_INCOMING_CALL_FILE"] = str(path)
        elif kind == b"environment":
            given = json.loads(data.replace(b"\\ud800", b"x"))  # no environment holds that
            environ |= {k: v for k, v in given.items() if k and not set(k + v) & {"\0", "="}}
        done = subprocess.run(
            [sys.executable, "-m", "hasip", "--check"],
            cwd=self.folder, env=environ, capture_output=True, timeout=20, check=False,
        )  # fmt: skip
        if done.returncode not in (0, 2):
            raise AssertionError(f"--check ended with {done.returncode}: {done.stderr[-2000:]!r}")


_MENUS = (
    b"allowed_numbers: ['555{*}', \"5{?}\"]\nanswer_after: 1\nwebhook_to_call: {timeout: x}\n"
    b"menu:\n  id: main\n  message: 'Hello'\n  choices_are_pin: true\n  timeout: 10\n"
    b"  choices:\n    '1234':\n      id: owner\n      post_action: hangup\n    default:\n"
    b"      post_action: return 2\n    timeout: {post_action: jump main}\n",
    b"menu: &m\n  message: x\n  choices:\n    1: *m\n",
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e]\n",
    b"menu: &a {message: m, choices: {1: &b {message: m}, 2: *b, 3: *b}}\nx: {<<: *a, y: *a}\n",
    b"c0: &c0 {message: m}\n" + b"".join(
        b"c%d: &c%d {choices: {1: *c%d, 2: *c%d, 3: *c%d}}\n" % (n, n, n - 1, n - 1, n - 1)
        for n in range(1, 14)
    ) + b"menu: *c13\n",
    b"menu: " + b"{choices: {1: " * 40 + b"{}" + b"}}" * 40,
    b"menu: " + b"{choices: {1: " * 3000 + b"{}" + b"}}" * 3000, b"[" * 9000, b"- " * 9000,
    b"menu: !!python/object/apply:os.system [ls]\n", b"? [a, b]\n: c\n? {x: y}\n: z\n",
    b"menu:\n  action: {domain: a, service: b, service_data: {x: .nan, y: .inf, z: 2001-01-01}}\n",
    b"--- a\n--- b\n", b"%YAML 9.9\n---\nx\n", b"\xff\xfem\x00e\x00", b"menu: 0123\n<<: [1]\n",
    b"menu: {timeout: 1:30:00, id: 0x7fffffffffffffffffff, choices: {0777: {}, ~: {}, true: {}}}\n",
    b"menu: {message: " + b"x" * 300_000 + b"}\n", b"x: " + b"9" * 5000 + b"\n",
    b"menu: {choices: {" + b", ".join(b"%d: {message: a}" % n for n in range(3000)) + b"}}\n",
    b"anchors: &loop\n  a: *loop\nmenu: *loop\n", b"blocked_numbers: &x [*x]\n",
)  # fmt: skip


class MenuFiles(_Parsed):
    """`incoming_call_file`."""

    name = "menu-files"

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.wire = Wire()
        stack.callback(self.wire.close)
        return super().prepare(stack)

    def make(self, rng: random.Random) -> Pieces:
        return b"menu", perhaps(rng, spliced(rng, _MENUS), 0.7)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        super().send(gateway, pieces)
        if self._count % _EVERY_CALL == 0:
            (self.folder / "incoming.yaml").write_bytes(pieces[1])
            dialog = self.wire.call(gateway.address)
            if dialog is not None:
                self.wire.request(dialog, "BYE", gateway.address)
                self.wire.drain()


_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 99999, "", " ", "x" * 3000, [], {}, [{}], "\u0000", "\ud800", "on",
    "sip:a@b", "sip:", "sips:[::1", "accept", "{*}", "1,2,,", "--tls on", "--ice maybe", "'", '"a',
    "--codecs ,,, --rtp-port 70000 --srtp x --unknown --", "http://[", "$(id)", "${X}", "9" * 5000,
    "--bind-address 0.0.0.0,::,x --accept-from 1.2.3.4/99,registrar,::1/200", "nan", "inf", "1e400",
    "--extract-headers " + "x," * 500, "--reject-sip-code 99 --mqtt-port -1", "/etc/passwd", "\n",
)  # fmt: skip
_SECTIONS = ("sip_global", "sip", "sip_2", "sip_3", "accounts", "tts", "webhook", "sensors", "mqtt")
_KEYS = (
    "port", "log_level", "name_server", "cache_dir", "global_options", "enabled", "registrar_uri",
    "id_uri", "realm", "user_name", "password", "answer_mode", "settle_time", "incoming_call_file",
    "options", "engine_id", "platform", "language", "debug_print", "voice", "id", "entity_prefix",
    "address", "broker_port", "username", "topic", "state_topic", "unknown",
)  # fmt: skip
_VARIABLES = (
    "COMMAND_SOURCE", "PORT", "LOG_LEVEL", "NAME_SERVER", "CACHE_DIR", "GLOBAL_OPTIONS",
    "SIP1_ENABLED", "SIP1_ID_URI", "SIP1_REGISTRAR_URI", "SIP1_REALM", "SIP1_USER_NAME",
    "SIP1_PASSWORD", "SIP1_ANSWER_MODE", "SIP1_SETTLE_TIME", "SIP1_INCOMING_CALL_FILE",
    "SIP1_OPTIONS", "SIP2_ENABLED", "SIP2_OPTIONS", "SIP99999999999_ENABLED", "SIP0_ENABLED",
    "SIP_ENABLED", "TTS_ENGINE_ID", "TTS_LANGUAGE", "TTS_DEBUG_PRINT", "HA_BASE_URL", "HA_TOKEN",
    "HA_WEBSOCKET_URL", "HA_WEBHOOK_ID", "BROKER_ADDRESS", "BROKER_PORT", "MQTT_TOPIC",
    "MQTT_STATE_TOPIC", "SENSOR_ENABLED", "SENSOR_ENTITY_PREFIX", "MQTT_ENABLED",
)  # fmt: skip


class Options(_Parsed):
    """options.json, the environment and `.env`."""

    name = "options"

    def make(self, rng: random.Random) -> Pieces:
        if rng.random() < 0.5:
            return b"options", perhaps(rng, json.dumps(_options(rng)).encode(), 0.4)
        values = {name: str(rng.choice(_ODD)) for name in rng.sample(_VARIABLES, 8)}
        if rng.random() < 0.5:
            return b"environment", json.dumps(values).encode()
        text = "\n".join(f"{name}={value}" for name, value in values.items())
        return b"dotenv", mutated(rng, text.encode("utf-8", "surrogatepass"))


def _options(rng: random.Random) -> Any:
    found: dict[str, Any] = {}
    for section in rng.sample(_SECTIONS, rng.randint(0, len(_SECTIONS))):
        keys = {key: rng.choice(_ODD) for key in rng.sample(_KEYS, rng.randint(0, 9))}
        found[section] = rng.choice((keys, keys, keys, [keys], rng.choice(_ODD)))
    return found
