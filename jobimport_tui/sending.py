"""Do one thing to many, one by one, and tell how far it is; what a server's end stops is not tried further."""

from collections.abc import Awaitable, Callable

from jobimport_tui.gateway.protocol import Refused
from jobimport_tui.plans import Plan
from jobimport_tui.session import Session

Send = Callable[[str], Awaitable[str]]
TOLD_EVERY = 10


async def send_all(session: Session, plan: Plan, send: Send, paint: Callable[[], None]) -> list[str]:
    """Send each of a plan's keys; says what became of them, and returns those that were done."""
    done: list[str] = []
    refusals: list[str] = []
    last = ""
    session.is_sending, session.stops_sending = True, False
    try:
        for number, key in enumerate(plan.keys):
            if why := "stopped by U" if session.stops_sending else session.refusal():
                refusals.append(why)
                break
            if number and number % TOLD_EVERY == 0:
                session.say(f"{plan.verb}: {number:,} of {len(plan.keys):,}; U stops the rest", "busy")
                paint()
            try:
                last = await send(key)
            except Refused as refusal:
                refusals.append(str(refusal))
            else:
                done.append(key)
    finally:
        session.is_sending = False
    session.say(*_ending(plan, done, refusals, last))
    session.gateway.refresh()
    paint()
    return done


def _ending(plan: Plan, done: list[str], refusals: list[str], last: str) -> tuple[str, str]:
    if len(plan.keys) == 1:
        return (last, "ok") if done else (refusals[-1], "warn")
    text = f"{plan.verb}: {len(done):,} of {plan.many} done"
    if not refusals:
        return text, "ok"
    return f"{text}, {len(plan.keys) - len(done):,} not: {refusals[-1]}", "warn"
