"""The command line: runs the gateway in the foreground, or prints help."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hasip import __version__
from hasip.errors import SipError
from hasip.log import start_logging
from hasip.loop import Loop
from hasip.settings import SettingsError, load_settings
from hasip.settings.options import options_help
from hasip.watch import keeper, probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hasip.log import LineWriter
    from hasip.settings import Settings

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_SETTINGS = 2
EXIT_INTERRUPTED = 130  # as a shell says it of Ctrl-C


def main(arguments: Sequence[str]) -> int:
    """Run the program; returns its exit code (0 in order, 1 no way to talk, 2 wrong settings)."""
    asked = _parser().parse_args(arguments)
    if asked.check:
        # Imported here: a gateway that starts has no use for it, nor for what it loads.
        from hasip.check import check  # noqa: PLC0415

        report = check(lambda: load_settings(os.environ, Path.cwd()))
        print(report.text())
        return EXIT_SETTINGS if report.problems else EXIT_OK
    try:
        settings = load_settings(os.environ, Path.cwd())
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return EXIT_SETTINGS
    if asked.doctor is not None:
        return _examine(settings, asked.doctor or None)
    writer = start_logging()
    try:
        return _run(settings, writer)
    finally:
        writer.close()  # what was said before an error that nobody foresaw, too


def _run(settings: Settings, writer: LineWriter) -> int:
    # Imported when the settings are known to be right: pjsua2 takes a while.
    from hasip.gateway import Gateway  # noqa: PLC0415
    from hasip.watch.memory import start_tidying  # noqa: PLC0415

    start_tidying()
    loop = Loop()
    gateway = Gateway(
        settings, loop, writer.put, health_socket=os.environ.get(probe.SOCKET_VARIABLE)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        name = number.name
        signal.signal(number, lambda *_, name=name: loop.post(lambda: gateway.stop(name)))
    try:
        gateway.start()
        loop.run()
    except SipError as error:
        writer.put(f"| ERROR   {error}")
        return EXIT_FAILED
    finally:
        gateway.close()
    return EXIT_OK


def _examine(settings: Settings, number: str | None) -> int:
    """Try everything; the log goes into a file, since the report is to be readable."""
    from hasip.doctor.examination import examine  # noqa: PLC0415 - as above

    def say(line: str) -> None:
        print(line, flush=True)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # even where a shell had it ignored
    handle, path = tempfile.mkstemp(prefix="ha-sip-doctor-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as log:
        writer = start_logging(stream=log)
        say(f"ha-sip {__version__}; all messages are in {path}")
        try:
            failures = examine(Loop(), settings, number, say, writer.put)
        except KeyboardInterrupt:
            say("\nstopped before the end")
            return EXIT_INTERRUPTED
        finally:
            writer.close()
    return EXIT_FAILED if failures else EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ha-sip",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A SIP gateway for Home Assistant. Settings come from /data/options.json, or "
        "from the environment and a .env file in the working directory.",
        epilog=options_help(),
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="read all settings and menu files, say what they mean and every problem, and exit "
        "with 0, or with 2 where something will not work as it is written",
    )
    parser.add_argument(
        "--doctor",
        nargs="?",
        const="",
        metavar="NUMBER",
        help="try all that the settings name (servers, registrations, a call to NUMBER, Home "
        "Assistant, MQTT), say at each step what works and what to change, and exit with 0 or 1",
    )
    parser.add_argument(
        keeper.OPTION,
        action="store_true",
        help="run under a small parent that starts the gateway again after a crash, or when it "
        "hangs; stands alone",
    )
    parser.add_argument(
        probe.OPTION,
        action="store_true",
        help="ask a running gateway, at the socket that HASIP_HEALTH_SOCKET names, whether it is "
        "well, and exit with 0 or 1; stands alone",
    )
    parser.add_argument("--version", action="version", version=f"ha-sip {__version__}")
    return parser
