import json
from dataclasses import replace

import pytest

from rtmanager.domain.completion import Completion, replayed
from rtmanager.domain.errors import ErrorCode, ImagePullFailed, StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxStream, Quota, announcements
from rtmanager.domain.operation import Cause, OperationKind, Outcome
from tests.builders import (
    GAME,
    IMAGE,
    NOON,
    make_completion,
    make_event,
    make_job,
    make_record,
    make_request,
)
from tests.unit.domain.messaging.job_desk import JobDesk
from tests.unit.domain.world import World

FAILED = make_completion(
    outcome=Outcome.FAILURE,
    cause=Cause(code=ErrorCode.IMAGE_PULL_FAILED, message="manifest unknown"),
)
INTENT_CODES = {
    ErrorCode.IMAGE_PULL_FAILED,
    ErrorCode.CONTAINER_START_FAILED,
    ErrorCode.START_CONFIG_INVALID,
}


def failed(code: ErrorCode) -> Completion:
    """Return a failure with this code."""
    return replace(FAILED, cause=Cause(code=code, message="why"))


def test_rest_request_owes_no_job_result() -> None:
    """Only a job is answered by a result."""
    completion = make_completion(record=make_record())

    assert announcements(make_request(), completion) == []


def test_job_that_succeeded_names_container_and_endpoint() -> None:
    """All fields are present and are strings."""
    record = make_record()

    (message,) = announcements(make_job("7-0"), make_completion(record=record))

    assert (message.stream, message.game_id) == (OutboxStream.JOB_RESULTS, GAME)
    assert message.fields == {
        "job_id": "7-0",
        "op_kind": "start",
        "game_id": GAME,
        "outcome": "success",
        "container_id": record.current_container_id,
        "engine_endpoint": record.engine_endpoint,
        "error_code": "",
        "error_message": "",
    }


def test_job_that_was_a_replay_is_a_success_with_its_code() -> None:
    """A replay has the code replay_no_op and names the running container."""
    (message,) = announcements(make_job(), replayed(make_record(), at=NOON))

    assert message.fields["outcome"] == "success"
    assert message.fields["error_code"] == "replay_no_op"
    assert message.fields["container_id"]


def test_job_that_failed_names_no_container() -> None:
    """A failed job names its error and no container, even if another one runs."""
    completion = make_completion(
        outcome=Outcome.FAILURE,
        cause=Cause(code=ErrorCode.CONFLICT, message="busy"),
        record=make_record(),
    )

    (message,) = announcements(make_job(), completion)

    assert message.fields["outcome"] == "failure"
    assert message.fields["error_code"] == "conflict"
    assert message.fields["error_message"] == "busy"
    assert message.fields["container_id"] == ""
    assert message.fields["engine_endpoint"] == ""


def test_failed_start_owes_one_intent() -> None:
    """The intent has game, image, error, time, and a key that makes it unique."""
    (message,) = announcements(make_request(), FAILED)

    at = str(int(NOON.timestamp() * 1000))
    assert message.stream is OutboxStream.NOTIFICATION_INTENTS
    assert message.dedup_key
    assert message.fields == {
        "type": "runtime.image_pull_failed",
        "producer": "runtime_manager",
        "game_id": GAME,
        "image_ref": IMAGE,
        "error_code": "image_pull_failed",
        "error_message": "manifest unknown",
        "attempted_at_ms": at,
        "idempotency_key": f"{message.dedup_key}:{at}",
    }


def test_failing_again_in_the_same_way_is_the_same_intent() -> None:
    """Game, code and image form the key, and for ten minutes one intent is enough."""
    (first,) = announcements(make_request(), FAILED)
    (again,) = announcements(make_job(), replace(FAILED, at=NOON.replace(minute=9)))[1:]

    assert first.dedup_key == again.dedup_key
    assert first.dedup_window == 600


@pytest.mark.parametrize(
    ("request_change", "completion"),
    [
        ({"game_id": GameId("go-3")}, FAILED),
        ({"image_ref": "galaxy/game:1.4.8"}, FAILED),
        ({}, failed(ErrorCode.CONTAINER_START_FAILED)),
    ],
)
def test_failing_in_another_way_is_another_intent(
    request_change: dict[str, object], completion: Completion
) -> None:
    """Another game, image or error is another intent."""
    (first,) = announcements(make_request(), FAILED)
    (other,) = announcements(make_request(**request_change), completion)

    assert first.dedup_key != other.dedup_key


def test_text_from_outside_is_cut_and_readable() -> None:
    """An endless log line or a NUL never makes a message that cannot be sent."""
    words = "\0\ud83d" + "x" * 10_000
    completion = replace(FAILED, cause=Cause(code=ErrorCode.IMAGE_PULL_FAILED, message=words))
    (message,) = announcements(make_request(image_ref="y" * 60_000), completion)

    assert message.fields["error_message"].startswith("\\x00\\ud83dxxx")
    assert len(message.fields["error_message"]) == 2_000
    assert len(message.fields["image_ref"]) == 2_000


@pytest.mark.parametrize("code", list(ErrorCode))
def test_only_three_codes_are_notified(code: ErrorCode) -> None:
    """Configuration, pull and start failures are notified; conflicts and outages are not."""
    messages = announcements(make_request(), failed(code))

    assert len(messages) == (1 if code in INTENT_CODES else 0)


@pytest.mark.parametrize(
    "kind", [kind for kind in OperationKind if kind is not OperationKind.START]
)
def test_only_starts_are_notified(kind: OperationKind) -> None:
    """A failed patch is answered to its caller only."""
    assert announcements(make_request(kind=kind), FAILED) == []


def test_events_come_before_the_result_and_the_result_before_the_intent() -> None:
    """Readers see what happened before they see the outcome."""
    messages = announcements(make_job(), replace(FAILED, events=[make_event()]))

    assert [message.stream for message in messages] == [
        OutboxStream.HEALTH_EVENTS,
        OutboxStream.JOB_RESULTS,
        OutboxStream.NOTIFICATION_INTENTS,
    ]


def test_health_event_is_rendered_as_strings() -> None:
    """Details are JSON text, and the time is in milliseconds."""
    (message,) = announcements(make_request(), make_completion(events=[make_event()]))

    assert all(isinstance(value, str) for value in message.fields.values())
    assert json.loads(message.fields["details"]) == {"image_ref": IMAGE}
    assert message.fields["occurred_at_ms"] == str(int(NOON.timestamp() * 1000))


@pytest.mark.parametrize("code", sorted(INTENT_CODES))
def test_intents_of_a_game_and_code_share_a_quota(code: ErrorCode) -> None:
    """Five in ten minutes, whatever the image; another game or code has its own."""
    (one,) = announcements(make_request(), failed(code))
    (other_image,) = announcements(make_request(image_ref="galaxy/game:9"), failed(code))
    (other_game,) = announcements(make_request(game_id=GameId("go-3")), failed(code))

    assert one.quotas == other_image.quotas == (Quota(f"{GAME} {code}", 5, 600.0),)
    assert other_game.quotas == (Quota(f"go-3 {code}", 5, 600.0),)


def test_intents_of_new_games_share_another_quota() -> None:
    """Made-up games have one together for each code, besides their own."""
    first, second = (
        announcements(make_request(game_id=GameId(game)), FAILED, is_new_game=True)[0].quotas
        for game in ("go-3", "go-4")
    )

    assert first[1] == second[1] == Quota("new games image_pull_failed", 60, 60.0)
    assert first[0] != second[0]


def test_made_up_games_never_use_up_the_intents_of_jobs() -> None:
    """The Lobby makes up no games; its jobs are under the quota of their own game alone."""
    intent = announcements(make_job(), FAILED, is_new_game=True)[-1]

    assert intent.stream is OutboxStream.NOTIFICATION_INTENTS
    assert intent.quotas == (Quota(f"{GAME} image_pull_failed", 5, 600.0),)


async def test_two_hundred_images_send_five_intents(world: World) -> None:
    """A start that is refused for ever new reasons is announced a few times."""
    await world.manager.start()
    for number in range(200):
        with pytest.raises(StartConfigInvalid):
            await world.manager.start(f"No Such Image {number}")

    intents = [each for each in world.store.outbox if "idempotency_key" in each.fields]
    assert len(intents) == 5


async def test_made_up_games_send_sixty_intents_a_minute(world: World) -> None:
    """Games whose start begins and fails have a row each, but share the quota."""
    for number in range(70):
        with pytest.raises(ImagePullFailed):
            await world.manager.start("galaxy/none:1.0.0", GameId(f"new-{number}"))

    assert len(world.operations) == 70
    intents = [each for each in world.store.outbox if "idempotency_key" in each.fields]
    assert len(intents) == 60


async def test_first_start_by_a_job_is_announced_during_a_flood_of_made_up_games(
    world: World,
) -> None:
    """Anyone can make up games; the Lobby's own games are what its users wait for."""
    desk = JobDesk(world)
    for number in range(70):
        with pytest.raises(ImagePullFailed):
            await world.manager.start("galaxy/none:1.0.0", GameId(f"new-{number}"))

    await desk.handler().run([await desk.start("lobby-1", "galaxy/none:1.0.0")])

    last = world.store.outbox[-1]
    assert (last.stream, last.game_id) == (OutboxStream.NOTIFICATION_INTENTS, "lobby-1")
