"""How far other clocks are from this machine's."""

from datetime import UTC, datetime, timedelta

from rtmanager.bootstrap.doctor.finding import Finding

TOLERATED = timedelta(seconds=1)
TOO_MUCH = timedelta(seconds=30)
"""Leases, retention and the order of events would be wrong by more than they last."""


def check_clock(whose: str, theirs: datetime, asked: datetime) -> Finding:
    """Compare a clock with ours; the answer came some time after `asked`."""
    answered = datetime.now(UTC)
    ours = asked + (answered - asked) / 2
    apart = max(abs(theirs - ours) - (answered - asked) / 2, timedelta(0))
    text = f"{whose} is {apart.total_seconds():.1f} s apart from this machine"
    remedy = "let both machines keep time by NTP (`timedatectl` shows whether they do)"
    if apart > TOO_MUCH:
        return Finding.fault("clock", text, remedy)
    if apart > TOLERATED:
        return Finding.warning("clock", text, remedy)
    return Finding.ok("clock", f"{whose} agrees with this machine")
