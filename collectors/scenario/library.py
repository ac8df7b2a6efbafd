"""The situations that operators see, by name: `play("missing-ack")` gives the `Scenario`.

A situation is a function of a `Play`: who takes part, and when this one rings, answers, ends. Played by
another cast under another seed, it is another call of the same kind.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from collectors.scenario.cast import Cast, Play, Role
from collectors.scenario.dialects import KAMAILIO
from collectors.scenario.scenario import Scenario

Situation: TypeAlias = Callable[[Play], None]


# Calls that go well


def good(play: Play) -> None:
    """Rings, is answered, talks, hangs up."""
    play.talk()


def early_media(play: Play) -> None:
    """183 with a description before the 200: an announcement, or the far end's ringing tone."""
    play.invite()
    play.callee.progresses(at=play.rings)
    play.callee.answers(at=play.answers)
    play.caller.hangs_up(at=play.ends)


def challenged(play: Play) -> None:
    """407, then the same with credentials."""
    play.challenge("INVITE")
    play.talk()


def challenged_401(play: Play) -> None:
    """401 from a server that acts as user agent, then the same with credentials."""
    play.challenge("INVITE", 401)
    play.talk()


def hold_resume(play: Play) -> None:
    """Put on hold and taken back by re-INVITEs."""
    play.talk()
    length = play.ends - play.answers
    play.caller.holds(at=play.answers + length / 3)
    play.caller.resumes(at=play.answers + length / 2)


def long_ringing(play: Play) -> None:
    """Answered after 75 s of ringing."""
    play.ring()
    play.callee.answers(at=play.rings + 75)
    play.caller.hangs_up(at=play.rings + 75 + (play.ends - play.answers))


def forked(play: Play) -> None:
    """Two phones of one user ring; one answers, the other is cancelled."""
    other = play.scenario.phone(f"{play.callee.user}@{play.callee.wire.host}:5076", dialect=play.callee.dialect)
    play.proxies[-1].forks(play.callee.user, play.callee, other)
    other.rings(at=play.rings + 0.2)
    play.talk()


def redirected(play: Play) -> None:
    """302 to another phone, which answers."""
    play.invite()
    other = play.scenario.phone(f"{play.callee.user}-mobile@{play.callee.wire.host}:5078")
    play.callee.redirects(other, at=play.rings)
    other.rings(at=play.rings + 0.5)
    other.answers(at=play.answers + 0.5)
    play.caller.hangs_up(at=play.ends + 0.5)


def redirected_unfollowed(play: Play) -> None:
    """302 to a caller that does not follow."""
    play.caller.follows_redirects = False
    play.invite()
    other = play.scenario.phone(f"{play.callee.user}-mobile@{play.callee.wire.host}:5078")
    play.callee.redirects(other, at=play.rings)


def lossy(play: Play) -> None:
    """A bad line: the first of several messages is lost on the way and sent again."""
    play.scenario.loses("INVITE", source=play.caller, times=1)
    play.scenario.loses("200 INVITE", source=play.callee, times=1)
    play.scenario.loses("ACK", source=play.caller, times=1)
    play.scenario.loses("BYE", times=1)
    play.talk()


# Calls that somebody ends before they are answered


def busy(play: Play) -> None:
    """486."""
    play.refuse(486, headers=(("Reason", 'Q.850;cause=17;text="User busy"'),))


def declined(play: Play) -> None:
    """Rings, then 603."""
    play.ring()
    play.callee.refuses(603, at=play.answers)


def no_answer(play: Play) -> None:
    """Rings until the caller gives up: CANCEL, 487."""
    play.ring()
    play.caller.cancels(at=play.rings + play.dice.between(15, 40))


def cancel_crosses_answer(play: Play) -> None:
    """The 200 and the CANCEL meet; the caller acknowledges and hangs up."""
    play.answer()
    play.caller.cancels(at=play.answers + 0.001)


# Calls that fail


def not_found(play: Play) -> None:
    """404 from the proxy: no such number."""
    play.refuse_at_proxy(404)


def forbidden(play: Play) -> None:
    """403 from the proxy."""
    play.refuse_at_proxy(403)


def unavailable(play: Play) -> None:
    """480: the callee is not registered."""
    play.refuse_at_proxy(480)


def overloaded(play: Play) -> None:
    """503 with Retry-After from the far end."""
    play.refuse(503, headers=(("Retry-After", "30"), ("Reason", "Q.850;cause=42")))


def not_acceptable(play: Play) -> None:
    """488: no codec in common, says the far end."""
    play.refuse(488, headers=(("Warning", '304 192.0.2.1 "Media type not available"'),))


def no_common_codec(play: Play) -> None:
    """Answered with a codec that was not offered: nobody hears anything."""
    play.callee.dialect = play.callee.dialect._replace(codecs=("4 G723/8000",))
    play.talk()


def no_dtmf(play: Play) -> None:
    """The far end knows no telephone-event: the keys of a menu go unheard."""
    dialect = play.callee.dialect
    spoken = tuple(codec for codec in dialect.codecs if "telephone-event" not in codec)
    play.callee.dialect = dialect._replace(codecs=spoken)
    play.talk()


def one_sided_answer(play: Play) -> None:
    """Answered with recvonly, as if on hold: the caller hears nothing."""
    play.ring()
    play.callee.answers(at=play.answers, direction="recvonly")
    play.caller.hangs_up(at=play.ends)


def wrong_password(play: Play) -> None:
    """Credentials are challenged again."""
    play.caller.password = "not-" + (play.caller.password or "")
    play.challenge("INVITE")
    play.talk()


def never_authenticates(play: Play) -> None:
    """Challenged, and never tried again."""
    play.caller.password = None
    play.challenge("INVITE")
    play.invite()


def unanswered_invite(play: Play) -> None:
    """The callee's side is silent: the proxy sends seven times and says 408."""
    play.callee.silent()
    play.invite()


def unanswered_proxy(play: Play) -> None:
    """The first proxy is silent: the caller sends seven times."""
    play.proxy.silent()
    play.invite()


def no_final_response(play: Play) -> None:
    """Rings for ever, and nobody does anything about it for 200 s."""
    play.ring()
    play.caller.cancels(at=play.rings + 200)


def slow_setup(play: Play) -> None:
    """Ten seconds until it rings."""
    play.rings += 10
    play.answers += 10
    play.ends += 10
    play.talk()


# Calls that are answered and go wrong


def missing_ack(play: Play) -> None:
    """The caller never acknowledges: the 200 is resent ten times, the callee hangs up after 32 s."""
    play.caller.never_acks()
    play.answer()


def proxy_drops_ack(play: Play) -> None:
    """The last proxy receives the ACK and never forwards it."""
    play.proxies[-1].drops("ACK")
    play.answer()


def late_ack(play: Play) -> None:
    """The ACK comes six seconds after the answer."""
    play.caller.acks_late(6)
    play.talk()


def dropped_at_32s(play: Play) -> None:
    """The ACK is lost on its last hop, always: they talk, and are cut off after 32 s."""
    play.scenario.loses("ACK", to=play.callee)
    play.answer()


def abnormal_release(play: Play) -> None:
    """The callee's side hangs up for a technical reason."""
    play.answer()
    play.callee.hangs_up(at=play.ends, headers=(("Reason", 'Q.850;cause=38;text="Network out of order"'),))


def bye_unanswered(play: Play) -> None:
    """The callee is gone when the caller hangs up."""
    play.answer()
    play.callee.silent(since=play.ends - 0.5)
    play.caller.hangs_up(at=play.ends)


CALLS: Final[dict[str, Situation]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        good,
        early_media,
        challenged,
        challenged_401,
        hold_resume,
        long_ringing,
        forked,
        redirected,
        redirected_unfollowed,
        lossy,
        busy,
        declined,
        no_answer,
        cancel_crosses_answer,
        not_found,
        forbidden,
        unavailable,
        overloaded,
        not_acceptable,
        no_common_codec,
        no_dtmf,
        one_sided_answer,
        wrong_password,
        never_authenticates,
        unanswered_invite,
        unanswered_proxy,
        no_final_response,
        slow_setup,
        missing_ack,
        proxy_drops_ack,
        late_ack,
        dropped_at_32s,
        abnormal_release,
        bye_unanswered,
    )
}


# Registrations and keep-alives: the caller registers at the first proxy

_EXPIRES: Final = 120


def registered(play: Play, *, refreshes: int = 0) -> None:
    """Challenged, and registered with credentials."""
    play.challenge("REGISTER")
    for number in range(refreshes + 1):
        play.caller.registers(play.proxy, at=number * _EXPIRES / 2, expires=_EXPIRES)


def refreshed(play: Play) -> None:
    """Registered and refreshed three times."""
    registered(play, refreshes=3)


def unregistered(play: Play) -> None:
    """Registered, refreshed once, and signed off."""
    registered(play, refreshes=1)
    play.caller.unregisters(at=_EXPIRES)


def registration_too_brief(play: Play) -> None:
    """423, and then as long as the registrar wants."""
    play.proxy.min_expires = 300
    registered(play)


def registration_expired(play: Play) -> None:
    """Registered for 60 s, and never heard of again."""
    play.challenge("REGISTER")
    play.caller.registers(play.proxy, expires=60)


def registration_wrong_password(play: Play) -> None:
    """Credentials are challenged again, each time that it tries."""
    play.caller.password = "not-" + (play.caller.password or "")
    registered(play, refreshes=2)


def registration_forbidden(play: Play) -> None:
    """403."""
    play.proxy.refuses("REGISTER", 403)
    play.caller.registers(play.proxy, expires=_EXPIRES)


def registration_unanswered(play: Play) -> None:
    """The registrar is silent: eleven REGISTERs in 32 s."""
    play.proxy.silent()
    play.caller.registers(play.proxy, expires=_EXPIRES)


def registration_challenged(play: Play) -> None:
    """Challenged, and never tried again."""
    play.caller.password = None
    registered(play)


def pings(play: Play) -> None:
    """OPTIONS to the proxy, three times, answered."""
    play.caller.pings(play.proxy, every=30, times=3)


def pings_unanswered(play: Play) -> None:
    """OPTIONS to a proxy that is down."""
    play.proxy.silent()
    play.caller.pings(play.proxy)


REGISTRATIONS: Final[dict[str, Situation]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        registered,
        refreshed,
        unregistered,
        registration_too_brief,
        registration_expired,
        registration_wrong_password,
        registration_forbidden,
        registration_unanswered,
        registration_challenged,
    )
}
PINGS: Final[dict[str, Situation]] = {"pings": pings, "pings-unanswered": pings_unanswered}
SITUATIONS: Final[dict[str, Situation]] = CALLS | REGISTRATIONS | PINGS

TWO_PROXIES: Final = Cast(proxies=(Role("203.0.113.5:5060", KAMAILIO), Role("203.0.113.6:5060", KAMAILIO)))
DIRECT: Final = Cast(proxies=())


def play(name: str, seed: str = "", cast: Cast | None = None, *, talk: float | None = None) -> Scenario:
    """The scenario of a situation, ready to be rendered. `talk`: seconds from answer to BYE."""
    performance = Play(seed or name, cast or Cast(), talk=talk)
    SITUATIONS[name](performance)
    return performance.scenario


def summary(name: str) -> str:
    """What a situation is about, in a line."""
    return (SITUATIONS[name].__doc__ or "").split("\n")[0]
