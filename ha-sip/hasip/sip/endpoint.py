"""The SIP stack: pjsua2's endpoint, its transports and its accounts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip import __version__
from hasip.errors import SipError
from hasip.sip.account import AccountHouse, SipAccount
from hasip.sip.build import IS_OURS, MAX_ACCOUNTS, room, tls_library
from hasip.sip.codecs import choose_codecs
from hasip.sip.doors import Doors, Household
from hasip.sip.errors import guarded, sip_errors
from hasip.sip.hop import Hops
from hasip.sip.locate import locator_for
from hasip.sip.media import BRIDGE_RATE_HZ
from hasip.sip.media_clock import MediaClock
from hasip.sip.nat_servers import ServerWatch, ask_stun
from hasip.sip.pj_call import leave_to_pjsip
from hasip.sip.pj_log import REFUSAL_LEVEL, LogWriter
from hasip.sip.refusals import refused_by_us
from hasip.sip.resolver import Resolver
from hasip.sip.transports import open_transports, read_loss
from hasip.sip.udp import stay_on_udp
from hasip.tones.ears import ToneEars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hasip.events.model import RegistrationChanged
    from hasip.loop import Loop
    from hasip.settings.model import Account, Settings
    from hasip.sip.call import SipLeg
    from hasip.sip.pj_call import PjCall
    from hasip.sip.transports import ConnectionLost

_log = logging.getLogger(__name__)

# More than any build takes: pjsua lowers it to what it was built for.
MOST_CALLS = 512


class _Endpoint(pj.Endpoint):
    """Says what pjsip does without asking us."""

    def __init__(
        self, loop: Loop, doors: Doors, heard_loss: Callable[[ConnectionLost], None]
    ) -> None:
        super().__init__()
        self.on_pulse: Callable[[], None] | None = None
        self._loop = loop
        self._doors = doors
        self._heard_loss = heard_loss
        self.codecs: tuple[str, ...] = ()  # that we take, for people

    def onTransportState(self, prm: pj.OnTransportStateParam) -> None:  # noqa: N802
        with guarded("onTransportState"):
            self._doors.heard(prm)
            loss = read_loss(prm)
            if loss is not None:
                self._loop.post(lambda: self._heard_loss(loss))

    def onTimer(self, prm: pj.OnTimerParam) -> None:  # noqa: N802, ARG002 - pjsua2's
        with guarded("onTimer"):
            self._doors.sweep()
            if self.on_pulse is not None:
                self.on_pulse()

    def onRejectedIncomingCall(  # noqa: N802 - pjsua2's name
        self, prm: pj.OnRejectedIncomingCallParam
    ) -> None:
        with guarded("onRejectedIncomingCall"):
            code = prm.statusCode or pj.PJSIP_SC_BUSY_HERE
            invite = prm.rdata.wholeMsg
            _log.warning("%s", refused_by_us(prm.remoteInfo, code, invite, self.codecs))


class SipStack:
    """Owns every pjsua2 object; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        settings: Settings,
        put_log_line: Callable[[str], None],
        *,
        on_call: Callable[[SipLeg, SipAccount], None],
        on_registration: Callable[[RegistrationChanged], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._put_log_line = put_log_line
        self._ears = ToneEars()
        self._house = AccountHouse(
            keep=self._keep,
            let_go=self._let_go,
            on_call=on_call,
            on_registration=on_registration,
            hops=Hops(loop, locator_for(settings.sip)),
            has_stun=lambda: self._stun is not None and self._stun.address is not None,
            on_moved=self._on_moved,
            take_room=self._take_room,
            ears=self._ears,
            taker=self._taker,
            find_call=lambda replaces: next(
                (call for call in self._calls if call.is_meant(replaces)), None
            ),
        )
        server = settings.sip.options.stun_server
        self._stun = None if server is None else ServerWatch(loop, lambda: ask_stun(server))
        self._endpoint: _Endpoint | None = None
        # pjsip looks at these as long as it runs.
        self._resolver: Resolver | None = None
        self._doors = Doors(loop, settings.sip, Household(self._accepts, self._is_learning))
        self._accounts: dict[int, SipAccount] = {}
        self._rooms_taken = 0
        self._is_open = False  # all accounts are there
        self._why_off: dict[int, str] = {}  # accounts that are not in use
        # The one place that keeps the calls alive; see PjCall.
        self._calls: set[PjCall] = set()
        # Without a sound device, the one that is no device gives the beat.
        self._media_clock = MediaClock(
            loop,
            start=lambda: self._with_devices(lambda devices: devices.setNullDev()),
            stop=lambda: self._with_devices(lambda devices: devices.setNoDev()),
        )

    @property
    def accounts(self) -> dict[int, SipAccount]:
        """Return the accounts in use, by number."""
        return self._accounts

    @property
    def account_states(self) -> Mapping[int, str]:
        """Return how each enabled account is, for people."""
        in_use = {number: account.state for number, account in self._accounts.items()}
        return dict(sorted({**self._why_off, **in_use}.items()))

    @property
    def calls(self) -> int:
        """Count the calls that pjsip still has."""
        return len(self._calls)

    def start(self) -> None:
        """Open the transports, then the accounts; raises `SipError` if there is no way to talk."""
        self._loop.check()
        if self._stun is not None:
            self._stun.look_at_start()
        self._endpoint = _Endpoint(self._loop, self._doors, self._heard_loss)
        with sip_errors("start pjsip"):
            self._endpoint.libCreate()
            self._resolve_for_pjsip()
            stay_on_udp()
            self._endpoint.libInit(self._endpoint_config())
        self._doors.watch_messages()
        open_transports(self._endpoint, self._settings.sip)
        self._doors.watch_connections(self._have_timer_run)
        with sip_errors("start pjsip"):
            self._endpoint.libStart()
            self._endpoint.audDevManager().setNoDev()
        wanted = self._settings.sip.options.codecs
        self._endpoint.codecs = choose_codecs(self._endpoint, wanted)
        self._open_accounts(self._settings.accounts)
        self._is_open = True
        if self._stun is not None:
            self._stun.watch(self._stun_changed)

    def _resolve_for_pjsip(self) -> None:
        try:
            self._resolver = Resolver(self._loop, self._house.hops)
        except OSError as error:
            _log.warning("pjsip resolves some names by itself, and may wait for them: %s", error)

    def _accepts(self, source: str) -> bool:
        accounts = tuple(self._accounts.values())  # this thread is not the loop's
        return any(account.sources.accepts(source) for account in accounts)

    def _is_learning(self) -> bool:
        accounts = tuple(self._accounts.values())
        return not self._is_open or any(account.sources.is_learning for account in accounts)

    def _taker(self, picked: SipAccount, source: str) -> SipAccount | None:
        """Return the account that takes a call: the one that pjsip picked, or the first other.

        pjsip gives a call that names no account to the first one. Who is taken must not depend on
        the name that is called, or a stranger finds out names.
        """
        accounts = (picked, *self._accounts.values())
        return next((account for account in accounts if account.sources.accepts(source)), None)

    def pulse(self, done: Callable[[], None]) -> None:
        """Have pjsip call `done`, on a thread of its own: a sign that it is alive."""
        if self._endpoint is not None:
            self._endpoint.on_pulse = done
            self._have_timer_run()

    def _have_timer_run(self) -> None:
        """Have pjsip call `onTimer`, on a thread of its own."""
        if self._endpoint is not None:
            with guarded("timer"):
                self._endpoint.utilTimerSchedule(0, None)

    def leave(self) -> None:
        """Unregister everywhere; `has_left` of the accounts tells when that is done."""
        for account in self._accounts.values():
            account.leave()

    def stop(self) -> None:
        """Drop everything of pjsua2's, then pjsip itself, without waiting for the network."""
        for account in self._accounts.values():
            account.close()
        self._accounts.clear()
        self._calls.clear()
        leave_to_pjsip()
        if self._resolver is not None:
            self._resolver.close()
        self._doors.close()
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            with guarded("stop pjsip"):
                endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def describe(self) -> str:
        """Return what this pjsua2 is, in a line for the log."""
        if self._endpoint is None:
            return "pjsip is not running"
        codecs = ", ".join(
            codec.codecId.rsplit("/", 1)[0]
            for codec in self._endpoint.codecEnum2()
            if codec.priority > 0
        )
        return (
            f"pjsip {self._endpoint.libVersion().full}: {room()}"
            f"TLS by {tls_library() or 'an unknown library'}, codecs: {codecs}"
        )

    def _endpoint_config(self) -> pj.EpConfig:
        config = pj.EpConfig()
        config.uaConfig.userAgent = f"ha-sip/{__version__}"
        config.uaConfig.maxCalls = MOST_CALLS
        # Native threads do the waiting for SIP and RTP; see the package's docstring.
        config.uaConfig.threadCnt = 1
        config.uaConfig.mainThreadOnly = False
        for server in self._settings.sip.name_servers:  # this vector knows no `extend`
            config.uaConfig.nameserver.append(server)
        config.uaConfig.natTypeInSdp = 0  # nobody needs it
        if self._stun is not None and self._stun.address is not None:
            config.uaConfig.stunServer.append(self._stun.address)
        config.medConfig.clockRate = BRIDGE_RATE_HZ
        config.medConfig.threadCnt = 1
        config.medConfig.ecTailLen = 0
        if IS_OURS and "speex" not in map(str.lower, self._settings.sip.options.codecs):
            # The resampler of our build delays audio by 8 ms then instead of 16, and is still meant
            # for music. Speex, the codec, would sound worse.
            config.medConfig.quality = 4
        config.medConfig.noVad = True
        # Else the bridge stops a second after it falls silent, and RTP with it.
        config.medConfig.sndAutoCloseTime = -1
        level = self._settings.sip.log_level
        writer = LogWriter(self._put_log_line, level)
        if any(account.options.turn_server for account in self._settings.accounts):
            level = max(level, REFUSAL_LEVEL)
        config.logConfig.level = level
        config.logConfig.consoleLevel = level
        config.logConfig.writer = writer
        writer.__disown__()  # pjsua2 deletes it
        return config

    def _open_accounts(self, accounts: Sequence[Account]) -> None:
        for settings in accounts:
            if settings.problems:
                self._leave_off(settings, "; ".join(map(str, settings.problems)))
                continue
            if not self._take_room():
                self._leave_off(settings, _no_room())
                continue
            account = SipAccount(
                self._loop, settings, self._settings.sip.options, house=self._house
            )
            try:
                account.open(is_default=not self._accounts)
            except SipError as error:
                self._leave_off(settings, str(error))
            else:
                self._accounts[settings.number] = account

    def look_around(self) -> None:
        """Have every account see whether its address changed."""
        for account in self._accounts.values():
            account.look_around()

    def _on_moved(self, before: str, now: str) -> None:
        """Have calls and registrations go by our new address.

        pjsip gives up its connections to registrars, and sends re-INVITEs and REGISTERs. It is not
        to listen anew, as it would by default: that is needed by no address, and where it fails, as
        by TCP with the wheel, there is no way to talk any more. Nor is it to shut down all
        connections at once: those that are dead have been ended (`hasip.addresses`), and where its
        own thread sees to one of them in that moment, pjsip 2.15 locks up (pjproject's #4307).
        """
        if self._endpoint is None:
            return
        _log.warning("Our address was %s, and is %s now; registering anew", before, now)
        for account in self._accounts.values():
            account.move(before, now)
        change = pj.IpChangeParam()
        change.restartListener = False
        change.shutdownTransport = False
        with guarded("change of our address"):
            self._endpoint.handleIpChange(change)
        for account in self._accounts.values():
            account.heard_move(before, now)

    def _heard_loss(self, loss: ConnectionLost) -> None:
        """Tell the accounts: the calls that come in by that connection would not come any more."""
        if loss.distrust is not None:
            _log.error(
                "TLS: %s; if it is right, name it or who signed it with --tls-ca-file, and use the "
                "name that is in it",
                loss.distrust,
            )
        for account in self._accounts.values():
            account.heard_loss(loss)

    def _stun_changed(self) -> None:
        """Have media go by the STUN server while it answers; SIP knows its address already."""
        address = self._stun.address if self._stun is not None else None
        if address is not None and self._endpoint is not None:
            servers = pj.StringVector()
            servers.append(address)
            with guarded("STUN server"):
                self._endpoint.natUpdateStunServers(servers, False)  # noqa: FBT003 - don't wait
        for account in self._accounts.values():
            account.helpers_changed()

    def _take_room(self) -> bool:
        """Tell whether pjsip takes one more account, and count it; one too many aborts it."""
        if self._rooms_taken >= MAX_ACCOUNTS:
            return False
        self._rooms_taken += 1
        return True

    def _leave_off(self, settings: Account, why: str) -> None:
        self._why_off[settings.number] = f"{settings.id_uri}, off (state failed): {why}"
        _log.error("Account %d is off (state failed): %s", settings.number, why)

    def _keep(self, call: PjCall) -> None:
        self._calls.add(call)
        self._media_clock.call_began()

    def _let_go(self, call: PjCall) -> None:
        self._calls.discard(call)
        call.let_die()
        if not self._calls:
            self._media_clock.last_call_ended()

    def _with_devices(self, act: Callable[[pj.AudDevManager], None]) -> None:
        if self._endpoint is not None:
            act(self._endpoint.audDevManager())


def _no_room() -> str:
    more = "" if IS_OURS else "; ./build.sh create-venv --from-source builds one with more"
    return f"this pjsua2 has room for {MAX_ACCOUNTS} accounts{more}"
