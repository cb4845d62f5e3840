"""A real Home Assistant as a process, which can be stopped, killed and started again."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Self

from support.ports import free_port
from support.real_home_assistant.api import HomeAssistantApi
from support.real_home_assistant.config import Furniture, write_config
from support.real_home_assistant.install import install
from support.server import Server
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.real_home_assistant.release import Release
    from support.supervisor import StandInSupervisor

START_TIMEOUT_S = 180.0  # 5 s on an idle machine
WEBHOOK_ID = "all_events"  # of the automation that writes every event into the journal


class RealHomeAssistant(Server):
    """Home Assistant itself, headless, on 127.0.0.1; keeps its folder, port and token."""

    def __init__(
        self,
        folder: Path,
        release: Release,
        furniture: Furniture | None = None,
        *,
        supervisor: StandInSupervisor | None = None,
    ) -> None:
        """Keep everything in `folder`; raises `MissingError` if it can't be had on this machine.

        With a Supervisor, Home Assistant's own integration `hassio` is set up.
        """
        self.release = release
        furniture = furniture or Furniture()
        python, port = install(release), free_port()
        self.config = folder / "config"
        write_config(self.config, port, furniture)
        self.api = HomeAssistantApi(port, furniture.certificate)
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        if supervisor is not None:
            environment |= {
                "SUPERVISOR": f"{supervisor.address[0]}:{supervisor.address[1]}",
                "SUPERVISOR_TOKEN": supervisor.home_assistant_token,
            }
        # --skip-pip: what is missing must not be downloaded, but show.
        command = [str(python), "-m", "homeassistant", "-c", str(self.config), "--skip-pip"]
        super().__init__(
            [*command, "--log-no-color"],
            port,
            folder / "home-assistant.log",
            environment=environment,
            patience_s=START_TIMEOUT_S,
        )

    @property
    def base_url(self) -> str:
        """Return what `HA_BASE_URL` wants."""
        return self.api.root + "api"

    @property
    def token(self) -> str:
        """Return a long-lived access token; it stays the same over restarts."""
        return self.api.token

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of a gateway that belongs to this house."""
        return {
            "HA_BASE_URL": self.base_url,
            "HA_TOKEN": self.token,
            "HA_WEBHOOK_ID": WEBHOOK_ID,
            "TTS_ENGINE_ID": "tts.espeak",
        }

    def __enter__(self) -> Self:
        """Be there, with an owner and a token."""
        self.start()
        return self

    def start(self) -> None:
        """Start, and wait until everything is set up and automations listen."""
        try:
            super().start()
            if not self.api.token:
                wait_until(self._onboards, "Home Assistant lets its owner in", START_TIMEOUT_S)
            wait_until(self._is_running, f"it runs; its log is {self.log}", START_TIMEOUT_S)
            # Automations listen a moment later than Home Assistant says that it is running.
            self.api.wait_state("automation.write_every_event_of_ha_sip_down", "on")
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once; what it had written down by then is there at the next start."""
        if self.api.token and self.is_there:
            # Tokens are written a second after they were made.
            wait_until(self._token_is_kept, "the token is on the disk")
        super().kill()

    def clear(self) -> None:
        """Forget the events so far, and shut the door: for the next test."""
        (self.config / "journal.jsonl").unlink(missing_ok=True)
        self.api.call("input_boolean.turn_off", entity_id="input_boolean.door")

    def journal(self) -> list[dict[str, Any]]:
        """Return the events that an automation wrote down, over all starts, in their order."""
        path = self.config / "journal.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def wait_event(self, name: str, timeout_s: float = PATIENCE_S, **wanted: Any) -> dict[str, Any]:
        """Wait for an event that has these fields; returns the first."""
        wanted["event"] = name

        def found() -> list[dict[str, Any]]:
            return [event for event in self.journal() if wanted.items() <= event.items()]

        wait_until(found, f"{wanted} in the journal", timeout_s)
        return found()[0]

    def must_live(self) -> None:
        """Raise if it ended, or gave its configuration up (it would listen on another port)."""
        super().must_live()
        log = self.log.read_text(encoding="utf-8", errors="replace")
        assert "recovery mode" not in log, log[-5000:]

    def _token_is_kept(self) -> bool:
        path = self.config / ".storage" / "auth"
        return path.exists() and "long_lived_access_token" in path.read_text(encoding="utf-8")

    def _onboards(self) -> bool:
        """Try; the page is there a moment later than the port."""
        self.must_live()
        try:
            self.api.onboard()
        except (AssertionError, OSError):
            return False
        return True

    def _is_running(self) -> bool:
        self.must_live()
        return self.api.is_running()
