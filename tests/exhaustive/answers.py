"""What can come of the action under way: every answer, and every way to have none."""

from collections.abc import Iterator

from rtmanager.domain.operation import ActionName
from tests.exhaustive import subject
from tests.exhaustive.checks import check_effect
from tests.exhaustive.intent import ACTIONS, BACK, Intent, action_words, slot_of
from tests.exhaustive.setting import Setting
from tests.exhaustive.shown import FAILED, HEALTHY, SEEN_EXITED, SILENT
from tests.exhaustive.state import (
    EMPTY,
    MOST_LATE,
    Hands,
    Move,
    State,
    gone_slot,
    in_world,
    without_gone,
)
from tests.exhaustive.world import (
    MADE,
    NONE,
    STARTED,
    Call,
    World,
    apply,
    target,
)


class Answers:
    """The answers to the action that one state waits for; without `left`, only harmless ones."""

    def __init__(self, setting: Setting, state: State, intent: Intent, *, left: bool) -> None:
        self.setting, self.state, self.intent, self.left = setting, state, intent, left
        self.action = ACTIONS[state.sent]

    def all(self) -> Iterator[Move]:
        """Return every move; raises Breach when a call of ours does what it must not."""
        if self.state.sent == self.state.barred:
            yield self._refused(self.state.world, "is refused again", mishaps=0, good=True)
        elif self.action.name in subject.LOCAL:
            yield from self._obtained()
        elif self.action.name is ActionName.WATCH_GATE:
            yield from self._readings()
        else:
            yield from self._called()

    def _obtained(self) -> Iterator[Move]:
        """Something that only the holder has: an image, a state directory."""
        hands, world = self.state.hands, self.state.world
        is_image = self.action.name is ActionName.OBTAIN_IMAGE
        has = hands._replace(image=True) if is_image else hands._replace(spec=True)
        yield self._answered(world, has, "is done", good=True)
        if self.left:
            yield from self._refusals(world)
            yield from self._unknown(world, "")

    def _readings(self) -> Iterator[Move]:
        """Read the gate: healthy, silent, failed, or the engine exits."""
        slot, world = slot_of(self.state.sent), self.state.world
        if slot is None:
            raise AssertionError(self.action)
        found = world.containers[slot]
        if found is None or not world.runs(slot):
            yield self._read(world, SEEN_EXITED, slot, good=True)
        else:
            yield self._read(world, HEALTHY, slot, good=True)
            yield from self._other_readings(world, slot, found.status)
        if self.left:
            yield from self._refusals(world)
            yield from self._unknown(world, "")

    def _other_readings(self, world: World, slot: int, status: str) -> Iterator[Move]:
        is_strict = subject.must_answer(self.setting, self.state.sent)
        if not is_strict:
            yield self._read(world, SILENT, slot)
        elif self.left:
            yield self._read(world, FAILED, slot, mishaps=1)
        if status == STARTED:  # it may have exited before
            yield self._read(world, SEEN_EXITED, slot)
        if self.left:
            yield self._read(world.exited(slot), SEEN_EXITED, slot, mishaps=1)

    def _read(
        self, world: World, reading: str, slot: int, *, mishaps: int = 0, good: bool = False
    ) -> Move:
        is_there = self.state.world.containers[slot] is not None
        hands = self.state.hands._replace(gate=(reading, slot if is_there else NONE))
        return self._answered(world, hands, f"shows {reading}", mishaps=mishaps, good=good)

    def _called(self) -> Iterator[Move]:
        """Call Docker, which does it or refuses it by its own rules."""
        before = self.state.world
        call = subject.performed(self.setting, self.state.sent, refused=False).call
        if call is None:
            raise AssertionError(self.action)
        after = apply(before, call, gone_slot(self.state))
        if after is None:
            yield self._refused(before, "is refused by Docker's rules", mishaps=0, good=True)
        else:
            check_effect(before, call, after, excused=self.state.refused)
            hands = self._hands_after(after, refused=False)
            yield self._answered(after, hands, "is done", good=True)
        if self.left:
            yield from self._mishaps(call, after)

    def _mishaps(self, call: Call, after: World | None) -> Iterator[Move]:
        before = self.state.world
        if after is not None:
            yield from self._refusals(before)
            if after != before:
                yield self._refused(after, "is refused although it happened")
                yield from self._unknown(after, " after it happened")
            yield from self._exits_at_once(call, after)
        yield from self._unknown(before, " before it happened")
        for words, still in self._still_to_come(call):
            yield from self._unknown(before, words, still)

    def _exits_at_once(self, call: Call, after: World) -> Iterator[Move]:
        slot = target(self.state.world, call)
        if call.verb != "start" or slot is None:
            return
        hands = self._hands_after(after, refused=False)
        words = "is done, and the engine exits at once"
        move = self._answered(after.exited(slot), hands, words, mishaps=1)
        disturbed = move.state.disturbed or slot not in MADE
        yield move._replace(state=move.state._replace(disturbed=disturbed))

    def _still_to_come(self, call: Call) -> Iterator[tuple[str, Call]]:
        """Return how the call may go on without the one who sent it."""
        if len(self.state.late) == MOST_LATE or gone_slot(self.state) != NONE:
            return
        yield ", the call is still to come", call
        slot = target(self.state.world, call)
        if call.verb == "stop" and slot is not None and self.state.world.runs(slot):
            yield ", Docker is still at it", Call("halt", slot)

    def _answered(
        self, world: World, hands: Hands, words: str, *, mishaps: int = 0, good: bool = False
    ) -> Move:
        intent = self.intent.acted(self.state.sent, refused=False)
        return self._move(world, intent, hands, words, mishaps=mishaps, good=good)

    def _refused(self, world: World, words: str, *, mishaps: int = 1, good: bool = False) -> Move:
        intent = self.intent.acted(self.state.sent, refused=True)
        hands = self._hands_after(self.state.world, refused=True)
        move = self._move(world, intent, hands, words, mishaps=mishaps, good=good)
        refused = move.state.refused or intent.phase == BACK
        return move._replace(state=move.state._replace(refused=refused))

    def _refusals(self, world: World) -> Iterator[Move]:
        """Return the refusal of this one attempt, and that of all that will follow."""
        yield self._refused(world, "is refused")
        if gone_slot(self.state) == NONE:
            move = self._refused(world, "is refused, now and ever after")
            yield move._replace(state=move.state._replace(barred=self.state.sent))

    def _unknown(self, world: World, words: str, still: Call | None = None) -> Iterator[Move]:
        """Nobody has the answer: the holder looks again, hands over, or dies."""
        number, intent = self.state.sent, self.intent
        hands = self._hands_after(self.state.world, refused=True)
        unknown = intent.in_doubt(number, lost=intent.lost)
        yield self._move(
            world, unknown, hands, f"is not answered{words}", trouble=number, still=still
        )
        yield self._move(world, unknown, EMPTY, f"is handed over{words}", still=still)
        for lost in intent.lost_again():
            dead = intent.in_doubt(number, lost=lost)
            yield self._move(world, dead, EMPTY, f"is left by a dying process{words}", still=still)

    def _move(  # noqa: PLR0913 - one argument for each thing that an answer may change
        self,
        world: World,
        intent: Intent,
        hands: Hands,
        words: str,
        *,
        trouble: int = NONE,
        still: Call | None = None,
        mishaps: int = 1,
        good: bool = False,
    ) -> Move:
        state = self.state
        late = state.late if still is None else tuple(sorted((*state.late, still)))
        kept = without_gone(state, intent)
        trouble = NONE if gone_slot(state) != NONE else trouble
        after = state._replace(intent=kept, hands=hands, sent=NONE, trouble=trouble, late=late)
        said = f"{action_words(state.sent)} {words}"
        return Move(said, mishaps, in_world(after, world), good)

    def _hands_after(self, after: World, *, refused: bool) -> Hands:
        """Return what the real executor remembers after the action."""
        hands, number = self.state.hands, self.state.sent
        if self.action.name in subject.LOCAL:
            return hands
        if self.action.name is ActionName.WATCH_GATE:
            return hands._replace(gate=None)
        done = subject.performed(self.setting, number, refused=refused)
        known = hands.known or frozenset()
        if done.knows_made:
            known = known | {slot for slot in MADE if _is_fresh(self.state.world, after, slot)}
        gate = hands.gate if done.keeps_reading else None
        return Hands(hands.image, hands.spec, gate, known)


def _is_fresh(before: World, after: World, slot: int) -> bool:
    return before.containers[slot] is None and after.containers[slot] is not None
