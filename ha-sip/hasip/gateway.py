"""Makes the parts from the settings, ties them together, starts and stops them in order.

The only module that knows all the others.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hasip import __version__
from hasip.addresses import watch_addresses
from hasip.audio.fence import FileFence
from hasip.audio.local_speech import LocalSpeech
from hasip.audio.prompts import Prompts, Voices
from hasip.audio.recordings import RecordingFiles
from hasip.calls.desk import CallDesk
from hasip.calls.menu_files import MenuFiles
from hasip.calls.registry import CallRegistry
from hasip.calls.session import SessionPorts
from hasip.commands.dispatcher import Dispatcher
from hasip.commands.intake import CommandIntake
from hasip.commands.stdin import StdinReader
from hasip.events.bus import EventBus
from hasip.events.model import RegistrationChanged
from hasip.events.wire import to_json, webhook_of_call
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.sensors import SensorBoard, Sensors
from hasip.homeassistant.services import ServiceCalls
from hasip.homeassistant.speech import Speech
from hasip.homeassistant.speech_check import SpeechCheck
from hasip.homeassistant.webhooks import WebhookQueue
from hasip.scratch import ScratchFolder, remove_dead_folders
from hasip.settings.model import SpeechFallback
from hasip.sip.endpoint import SipStack
from hasip.sip.media import BRIDGE_RATE_HZ
from hasip.watch.health import HealthSocket
from hasip.watch.starting import tell_started
from hasip.workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasip.events.model import Event
    from hasip.homeassistant.outbox import Outbox
    from hasip.loop import Loop
    from hasip.mqtt.service import MqttService
    from hasip.settings.model import Settings
    from hasip.sip.account import SipAccount
    from hasip.sip.call import SipLeg
    from hasip.watch.health import Intake

_log = logging.getLogger(__name__)

# How the 3 s of an orderly stop are shared out.
CALLS_END_WITHIN_S = 0.8
UNREGISTERED_WITHIN_S = 0.8
DELIVERED_WITHIN_S = 0.7
STOP_POLL_S = 0.02


class Gateway:
    """The running program; loop thread only."""

    def __init__(
        self,
        settings: Settings,
        loop: Loop,
        put_log_line: Callable[[str], None],
        *,
        health_socket: str | None = None,
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._scratch = ScratchFolder()
        self._registry = CallRegistry()
        self._bus = EventBus()
        self._client = _client(settings)
        self._speech_check = _speech_check(loop, settings, self._client)
        self._webhooks: WebhookQueue | None = None
        self._board: SensorBoard | None = None
        self._mqtt: MqttService | None = None
        self._menu_files = MenuFiles(loop, WorkerPool("menu-files", loop, threads=4, waiting=500))
        self._sip = SipStack(
            loop,
            settings,
            put_log_line,
            on_call=self._on_call,
            on_registration=self._bus.publish,
        )
        services = ServiceCalls(loop, self._client)
        self._dispatcher = Dispatcher(
            self._registry,
            services,
            self._bus.publish,
            quit_program=lambda: self.stop("quit"),
            account_states=self._account_states,
        )
        self._desk = self._make_desk()
        self._dispatcher.use(self._desk)
        self._is_stopping = False
        self._health_path = health_socket
        self._health: HealthSocket | None = None

    def start(self) -> None:
        """Bring everything up; raises `SipError` where there is no way to talk."""
        self._loop.check()
        _log.info("ha-sip %s", __version__)
        for warning in self._settings.warnings:
            _log.warning("%s", warning)
        if self._client is not None:
            self._webhooks = WebhookQueue(
                self._client,
                self._settings.home_assistant.webhook_id,
                on_there=lambda was_away: self._loop.post(lambda: self._on_there(was_away)),
            )
            self._bus.subscribe(self._deliver)
            if self._settings.sensors.enabled:
                self._board = SensorBoard(self._client)
                sensors = Sensors(
                    self._settings.sensors.entity_prefix,
                    [account.number for account in self._settings.accounts],
                    self._board,
                )
                self._bus.subscribe(sensors.take)
        self._sip.start()
        _log.info("%s", self._sip.describe())
        # Later than SIP: who loads or reads what is large has the interpreter half of the time.
        for outbox in self._outboxes:
            outbox.start()
        for account in self._settings.accounts:
            if account.incoming_call_file is not None and not account.problems:
                self._menu_files.expect(account.number, account.incoming_call_file)
        self._read_commands()
        if self._client is not None:
            name = "home-assistant"
            threading.Thread(target=self._client.prepare, name=name, daemon=True).start()
        watch_addresses(lambda: self._loop.post(self._sip.look_around))
        threading.Thread(target=remove_dead_folders, name="scratch", daemon=True).start()
        tell_started()
        _log.info("ha-sip started, listening on port %d", self._settings.sip.port)

    def _read_commands(self) -> None:
        """Begin to take commands from everywhere they may come from."""
        intakes: dict[str, Intake] = {}
        dispatcher = self._dispatcher
        intake = CommandIntake(self._loop, dispatcher.dispatch, dispatcher.refuse_invalid)
        if self._settings.reads_stdin:
            stdin = StdinReader(intake.take)
            stdin.start()
            intakes["stdin"] = stdin.ask
        if self._settings.mqtt.is_enabled:
            # Imported here: most have no broker, and paho takes memory.
            from hasip.homeassistant.supervisor import BrokerSearch  # noqa: PLC0415
            from hasip.mqtt.service import MqttService  # noqa: PLC0415

            self._mqtt = MqttService(
                self._loop, self._settings.mqtt, intake, self._dispatcher.dispatch
            )
            self._mqtt.show_accounts(self._settings.accounts, self._sip.accounts)
            self._bus.subscribe(self._mqtt.take)
            dispatcher.watch(self._mqtt.results)
            token = self._settings.home_assistant.token
            search = BrokerSearch(self._loop, self._settings.mqtt, token, self._mqtt.start)
            self._mqtt.when_refused(search.look)
            search.look()
            intakes["mqtt"] = lambda: lambda _: self._mqtt is None or self._mqtt.is_well
        if self._health_path is not None:
            self._health = HealthSocket(
                self._health_path, self._loop, pulse=self._sip.pulse, intakes=intakes
            )
            self._health.start()

    def stop(self, why: str) -> None:
        """Hang up, unregister, deliver what is left, end the loop: in this order, within 3 s."""
        self._loop.check()
        if self._is_stopping:
            return
        self._is_stopping = True
        _log.info("Stopping (%s), %d calls are up", why, len(self._registry))
        for call in self._registry:
            call.hang_up()
        _Until(
            self._loop,
            lambda: len(self._registry) == 0,
            CALLS_END_WITHIN_S,
            self._unregister,
        )

    def close(self) -> None:
        """Let go of pjsip and of temporary files, when the loop has ended."""
        if self._health is not None:
            self._health.close()
        self._sip.stop()
        self._scratch.remove()

    # --- the steps of a stop ----------------------------------------------------------------

    def _unregister(self) -> None:
        self._sip.leave()
        accounts = self._sip.accounts.values()
        _Until(
            self._loop,
            lambda: all(account.has_left for account in accounts),
            UNREGISTERED_WITHIN_S,
            self._finish_deliveries,
        )

    def _finish_deliveries(self) -> None:
        if self._mqtt is not None:
            self._mqtt.leave()
        queues = self._outboxes
        done: list[object] = []
        for queue in queues:
            queue.close(
                DELIVERED_WITHIN_S,
                lambda queue=queue: self._loop.post(lambda: done.append(queue)),  # type: ignore[misc]
            )
        _Until(
            self._loop,
            lambda: len(done) == len(queues) and (self._mqtt is None or self._mqtt.is_idle),
            DELIVERED_WITHIN_S,  # a request that hangs must not hold up the end
            self._leave,
        )

    def _leave(self) -> None:
        if self._mqtt is not None:
            self._mqtt.close()
        self._loop.stop()

    @property
    def _outboxes(self) -> list[Outbox]:
        return [box for box in (self._webhooks, self._board) if box is not None]

    # --- the ties between the parts ---------------------------------------------------------

    def _make_desk(self) -> CallDesk:
        tts = self._settings.tts
        fence = FileFence(self._settings.file_folders)
        voices = Voices(
            speech=None
            if self._client is None
            else Speech(self._client, tts, self._on_speech_fails),
            fallback=LocalSpeech() if tts.fallback is SpeechFallback.ESPEAK_NG else None,
            language=tts.language,
        )
        prompts = Prompts(
            WorkerPool("prompts", self._loop, threads=4, waiting=200),
            voices,
            rate_hz=BRIDGE_RATE_HZ,
            scratch_dir=Path(self._scratch.path),
            cache_dir=self._settings.sip.cache_dir,
            fence=fence,
        )
        ports = SessionPorts(
            loop=self._loop,
            speaker=prompts,
            recordings=RecordingFiles(
                WorkerPool("recordings", self._loop, threads=2, waiting=100),
                fence,
                Path(self._scratch.path),
            ),
            publish=self._bus.publish,
            run_action=self._dispatcher.dispatch,
            refuse=self._dispatcher.refuse_input,
            finish=self._dispatcher.finish,
        )
        return CallDesk(ports, self._registry, self._sip.accounts)

    def _account_states(self) -> Iterator[str]:
        """Yield a line an account, for the command `state`."""
        modes = {account.number: account.answer_mode for account in self._settings.accounts}
        modes |= {number: account.answer_mode for number, account in self._sip.accounts.items()}
        for number, state in self._sip.account_states.items():
            broken = "; ".join(self._menu_files.problems(number))
            yield f"{number}: {state}, {f'only listens: {broken}' if broken else modes[number]}"

    def _deliver(self, event: Event) -> None:
        # A webhook that rings a bell for every event must not ring for registrations.
        if self._webhooks is not None and not isinstance(event, RegistrationChanged):
            self._webhooks.enqueue(webhook_of_call(event), to_json(event))

    def _on_there(self, was_away: bool) -> None:  # noqa: FBT001
        """Take that Home Assistant is there, or there again."""
        if was_away and self._board is not None:
            self._board.show_all()
        if self._speech_check is not None:
            self._speech_check.home_is_there()

    def _on_speech_fails(self, language: str) -> None:
        """Take, on a worker, that Home Assistant does not speak any more."""
        check = self._speech_check
        if check is not None:
            self._loop.post(lambda: check.speech_fails(language))

    def _on_call(self, leg: SipLeg, account: SipAccount) -> None:
        """Ring at once; what else becomes of a call depends on a file that is read elsewhere."""
        if self._is_stopping:
            leg.hang_up()
            return
        leg.ring()
        self._menu_files.get(account.number, lambda file: self._desk.incoming(leg, account, file))


class _Until:
    """Goes on with `then` once a condition holds, or when the time is over."""

    def __init__(
        self, loop: Loop, holds: Callable[[], bool], within_s: float, then: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._holds = holds
        self._then = then
        self._ends_at = loop.clock.now() + within_s
        self._look()

    def _look(self) -> None:
        if self._holds() or self._loop.clock.now() >= self._ends_at:
            self._then()
        else:
            self._loop.call_later(STOP_POLL_S, self._look)


def _client(settings: Settings) -> HomeAssistantClient | None:
    home = settings.home_assistant
    if home.base_url is None:
        return None
    return HomeAssistantClient(
        home.base_url,
        home.token,
        ca_file=home.ca_file,
        token_name="SUPERVISOR_TOKEN" if settings.is_addon else "HA_TOKEN",
    )


def _speech_check(
    loop: Loop, settings: Settings, client: HomeAssistantClient | None
) -> SpeechCheck | None:
    home = settings.home_assistant
    if home.websocket_url is None or client is None:
        return None
    from hasip.homeassistant.voices import VoiceList  # noqa: PLC0415 - seldom

    voices = VoiceList(home.websocket_url, home.token, client.guard, home.ca_file)
    return SpeechCheck(loop, voices, settings.tts)
