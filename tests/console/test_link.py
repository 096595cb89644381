"""How far the terminal is, and how much may be on its way: measured by its answers, with a clock of the test's own."""

from jobimport_tui.display.link import BUDGET, EVERY_SECONDS, PATIENCE, QUESTION, Link


class Wall:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_round_trip_is_measured_while_something_is_sent() -> None:
    wall = Wall()
    link = Link(wall)
    assert link.rtt is None and link.pace == 0
    assert link.sending("x" * 10) == "x" * 10 + QUESTION
    assert link.sending("x" * 10) == "x" * 10  # one question is enough
    wall.now += 0.084
    link.answered(wall.now)
    assert round(link.rtt or 0, 3) == 0.084
    assert link.sending("x") == "x"
    wall.now += EVERY_SECONDS
    assert link.sending("x").endswith(QUESTION)


def test_a_slow_link_is_not_filled() -> None:
    wall = Wall()
    link = Link(wall)
    link.sending("x")
    link.answered(wall.now + 0.1)
    assert not link.is_full
    while not link.is_full:
        assert link.sending("x" * 500)
        assert link._sent - link._arrived <= BUDGET + 500
    wall.now += 1
    assert link.is_full
    for _ in range(10):
        link.answered(wall.now)
    assert not link.is_full
    assert link.pace > 1


def test_what_is_never_answered_is_not_waited_for() -> None:
    wall = Wall()
    link = Link(wall)
    for _ in range(20):
        link.sending("x" * 2000)
        assert not link.is_full  # it has never answered: nothing is held back
        wall.now += PATIENCE + 0.1
    assert link.sending("x" * 5000) == "x" * 5000  # and it is not asked any more
    link.restart()
    assert link.sending("x" * 5000).endswith(QUESTION)


def test_a_terminal_that_falls_silent_gets_the_newest_frame_after_a_while() -> None:
    wall = Wall()
    link = Link(wall)
    link.sending("x" * 2000)
    link.answered(wall.now)
    link.sending("x" * (BUDGET + 1))
    assert link.is_full
    wall.now += PATIENCE + 0.1
    assert not link.is_full


def test_the_pace_recovers() -> None:
    wall = Wall()
    link = Link(wall)
    for rtt in (0.5, *[0.01] * 12):
        wall.now += EVERY_SECONDS
        link.sending("x")
        link.answered(wall.now + rtt)
    assert (link.rtt or 1) < 0.02
