"""A gateway that is watched: it answers for its health, and comes back after a crash or hang."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.health import health
from support.phone import Phone
from support.process import children
from support.registrar import Answer, ScriptedRegistrar
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

RESTART = ("--restart",)
NAMES = ("front", "back", "garage")
waiting = Together(ahead=True)


def child_of(pid: int) -> int:
    """Return the process of the gateway itself."""
    wait_until(lambda: children(pid), "a child of the parent")
    return children(pid)[0]


def three_accounts(registrar: ScriptedRegistrar) -> dict[str, str]:
    """Return the settings of accounts that register, which must all come back."""
    settings = {}
    for number, name in enumerate(NAMES, 1):
        settings |= {
            f"SIP{number}_ENABLED": "true",
            f"SIP{number}_ID_URI": f"sip:{name}@127.0.0.1",
            f"SIP{number}_REGISTRAR_URI": registrar.uri,
        }
    return settings


def test_a_gateway_that_is_killed_is_back_within_5_s_and_reads_on(tmp_path: Path) -> None:
    began = time.monotonic()
    with (
        ScriptedRegistrar(lambda _: Answer()) as registrar,
        GatewayProcess(tmp_path, arguments=RESTART, **three_accounts(registrar)) as gateway,
        Phone("p") as phone,
    ):
        for name in NAMES:
            gateway.wait_log(f"(sip:{name}@127.0.0.1): registered")
        lines = len(gateway.lines)
        killed = time.monotonic()
        os.kill(child_of(gateway.pid), signal.SIGKILL)
        gateway.wait_log("ha-sip ended (signal 9); it starts again in 1 s")
        # Nobody reads it now; the next one does.
        gateway.command({"command": "dial", "number": phone.uri})
        gateway.wait_log("ha-sip started", since=lines)
        for name in NAMES:
            gateway.wait_log(f"(sip:{name}@127.0.0.1): registered", since=lines)

        # It waits for 1 s; the rest is a start, which a busy machine may take longer for.
        assert time.monotonic() - killed < max(5.0, 2 + 2 * (killed - began))
        call = phone.wait_call().wait_answered()
        gateway.command({"command": "quit"})
        assert gateway.wait_exit() == 0
        assert call.is_ended.is_set()


def test_a_signal_to_the_parent_ends_calls_with_bye_within_3_s(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, menu_file={}, arguments=RESTART) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        started = time.monotonic()
        gateway.signal(signal.SIGTERM)

        assert gateway.wait_exit() == 0
        assert time.monotonic() - started < 3
        assert call.ended_by_peer


def test_wrong_settings_are_no_crash(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, arguments=RESTART, PORT="none")
    code = gateway.wait_exit()

    assert code == 2
    assert sum("PORT: must be a number" in line for line in gateway.lines) == 1


@waiting
def test_a_crash_that_repeats_is_tried_slower_and_slower(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as first:
        options = "--bind-address 127.0.0.1"
        second = GatewayProcess(
            tmp_path, arguments=RESTART, PORT=str(first.port), GLOBAL_OPTIONS=options
        )
        for pause in ("1 s", "2 s", "4 s"):
            second.wait_log(f"ha-sip ended (exit code 1); it starts again in {pause}")
        second.signal(signal.SIGTERM)

        assert second.wait_exit() == 0


def test_health_is_asked_of_every_part(tmp_path: Path) -> None:
    path = tmp_path / "health"
    with GatewayProcess(tmp_path, HASIP_HEALTH_SOCKET=str(path)) as gateway:
        assert health(path) == (0, "ok")

        gateway.end_input()
        gateway.wait_log("Standard input has ended")
        assert health(path) == (0, "ok"), "an end of commands is no hang"
    code, answer = health(path)
    assert code == 1
    assert answer.startswith(f"no answer at {path}")


@waiting
def test_health_is_answered_again_where_its_folder_was_taken_away(tmp_path: Path) -> None:
    """Whoever tidies up must not have a gateway killed that is well."""
    path = tmp_path / "run" / "health"
    with GatewayProcess(tmp_path, HASIP_HEALTH_SOCKET=str(path)) as gateway:
        assert health(path) == (0, "ok")

        shutil.rmtree(path.parent)
        gateway.wait_log("was deleted; it is made anew")
        wait_until(lambda: health(path) == (0, "ok"), "green again")


def test_a_health_socket_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.write_text("not a folder", encoding="utf-8")
    with GatewayProcess(tmp_path, HASIP_HEALTH_SOCKET=str(folder / "health")) as gateway:
        gateway.wait_log("Nobody can ask for our health")
        folder.unlink()
        gateway.wait_log("Our health can be asked for again")

        assert health(folder / "health") == (0, "ok")


def test_a_crash_shows_where_it_was_and_what_it_left_is_removed_by_the_next(
    tmp_path: Path,
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    with GatewayProcess(
        tmp_path, arguments=RESTART, TMPDIR=str(scratch), SIP1_PASSWORD="hidden"
    ) as gateway:
        before = set(scratch.iterdir())
        assert len(before) == 2, "one of the parent, one of the gateway"
        os.kill(child_of(gateway.pid), signal.SIGSEGV)
        gateway.wait_log("it starts again in 1 s")
        gateway.wait_log("Fatal Python error: Segmentation fault")
        gateway.wait_log("loop.py")  # where it was
        assert not any("hidden" in line for line in gateway.lines)
        wait_until(lambda: len(set(scratch.iterdir()) & before) == 1, "the dead one's is gone")
        wait_until(lambda: len(set(scratch.iterdir())) == 2, "the new one's is there")
    assert not list(scratch.iterdir())
