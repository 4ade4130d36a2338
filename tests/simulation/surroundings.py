"""What happens around the service: strangers, clocks, backups, and what it does by itself."""

from random import Random

from tests.simulation.event import Event
from tests.simulation.policy import GOOD, LEASE_TTL, NEWER
from tests.simulation.vocabulary import GAMES, KINDS, POINTS, jump

CYCLES = ("reconcile", "reconcile", "probe", "probe", "inspect", "expire")
MISHAPS = (
    *("crash", "oom", "kill", "vanish", "start", "mute", "speak", "ail", "restarts"),
    *("stop", "leave", "rename", "recreate", "unstamp", "unlabel", "forget_image", "start"),
)


def stranger_strikes(random: Random, at: int) -> list[Event]:
    """Let a stranger act at a certain call."""
    what = (random.choice(("start", "start", *MISHAPS)), random.random())
    return [Event(at, "ambush", (random.choice(POINTS), "mishap", *what))]


def started_by_hand(random: Random, at: int) -> list[Event]:
    """Let somebody start the old engine while it is replaced, or cleaned up."""
    slot = random.randrange(2)
    first, second = random.choice((("stop", "cleanup_container"), ("hint", "restart")))
    point = random.choice(("store.begin:done", "host.named", "host.stop:done", "host.create:done"))
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at + 50, "request", (slot, first, "g1", GOOD, "gm_rest"))
        if first == "stop"
        else Event(at + 50, "hint", (slot, "g1", "die")),
        Event(at + 90, "request", (slot, second, "g1", GOOD, "gm_rest")),
        Event(at + 95 + random.randrange(20), "ambush", (point, "mishap", "start", 0.0)),
    ]


def never_again(random: Random, at: int) -> list[Event]:
    """Leave something superfluous that Docker refuses to remove, and reconcile on and on."""
    copied = Event(at, "mishap", ("recreate", random.random()))
    refused = Event(at, "stubborn", (random.choice(("remove", "rename", "stop")), 900, 0.0))
    waits = [Event(at + 20 * each, "wait", (12.0,)) for each in range(12)]
    cycles = [Event(at + 20 * each + 1, "cycle", (0, "reconcile")) for each in range(12)]
    return [copied, refused, Event(at + 1, "wait", (LEASE_TTL + 1,)), *waits, *cycles]


def clock(random: Random, at: int) -> list[Event]:
    """Let a clock step, mostly back."""
    seconds = random.choice((-3600.0, -5.0, 5.0, 3600.0))
    if random.random() < 0.3:
        return [Event(at, "lease_clock", (seconds,)), Event(at, "flush", ())]
    return [Event(at, "clock", (random.randrange(3), seconds))]


def numb(random: Random, at: int) -> list[Event]:
    """Let a process have no descriptors left."""
    return [Event(at, "numb", (random.randrange(2), random.randrange(20, 60)))]


def mishap(random: Random, at: int) -> list[Event]:
    """Let something happen to a container."""
    return [Event(at, "mishap", (random.choice(MISHAPS), random.random()))]


def squat(random: Random, at: int) -> list[Event]:
    """Let a stranger take the engine's name, or run another installation beside."""
    return [Event(at, "squat", (random.choice(("name", "name", "neighbour")), "g1"))]


def take_away(random: Random, at: int) -> list[Event]:
    """Take something away for a while."""
    kind = random.choice(("image", "network", "directory", "registry"))
    which = random.choice((GOOD, NEWER)) if kind == "image" else "g1"
    return [Event(at, "take_away", (kind, which, random.randrange(5, 90)))]


def host_restart(random: Random, at: int) -> list[Event]:
    """Restart the Docker host."""
    return [Event(at, "host_restart", (random.randrange(2, 40), jump(random)))]


def restore(random: Random, at: int) -> list[Event]:
    """Restore the database from a backup of some time ago."""
    back = random.randrange(10, 120)
    return [
        Event(max(at - back, 0), "backup", ()),
        Event(at, "restore", (random.randrange(2, 30),)),
        *[Event(at + 40 + 30 * each, "request", _any(random)) for each in range(2)],
    ]


def mute(random: Random, at: int) -> list[Event]:
    """Let an engine answer no more."""
    return [Event(at, "mishap", ("mute", random.random()))]


def speak(random: Random, at: int) -> list[Event]:
    """Let an engine answer again."""
    return [Event(at, "mishap", ("speak", random.random()))]


def probe(random: Random, at: int) -> list[Event]:
    """Probe."""
    return [Event(at, "cycle", (random.randrange(2), "probe"))]


def reconcile(random: Random, at: int) -> list[Event]:
    """Reconcile."""
    return [Event(at, "cycle", (random.randrange(2), "reconcile"))]


def hint(random: Random, at: int) -> list[Event]:
    """Tell a process that something happened."""
    action = random.choice(("die", "destroy", "start", "oom", "rename"))
    return [Event(at, "hint", (random.randrange(2), random.choice(GAMES), action))]


def cycle(random: Random, at: int) -> list[Event]:
    """Run any cycle."""
    return [Event(at, "cycle", (random.randrange(2), random.choice(CYCLES)))]


def wait(random: Random, at: int) -> list[Event]:
    """Let time pass."""
    return [Event(at, "wait", (random.choice((1.0, 25.0, LEASE_TTL + 1, 400.0)),))]


def _any(random: Random) -> tuple[object, ...]:
    return random.randrange(2), random.choice(KINDS), "g1", random.choice((GOOD, NEWER)), "gm_rest"
