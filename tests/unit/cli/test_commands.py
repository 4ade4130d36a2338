"""What the commands print, for people and for scripts, and what they send."""

import json
from typing import Any

import pytest

from rtmanager.cli.faults import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_service import FakeService, answered, failed, stream
from tests.unit.client.specs import SPECS, example

HOSTILE = "\x1b[31mred\x1b[0m [bold]not markup[/bold] \u202e\r\nrtmanager: all is well"


def document(name: str, **changes: Any) -> dict[str, Any]:
    """Return the JSON of an answer."""
    schema = SPECS[1]["components"]["schemas"].get(name) or SPECS[0]["components"]["schemas"][name]
    return {**example(SPECS[1] if name != "RuntimeRecord" else SPECS[0], schema), **changes}


def page(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return a page of operations."""
    return {"items": list(operations), "next_cursor": None}


COMMANDS = {
    ("list",): {"items": [document("RuntimeOverview")]},
    ("get", "g"): document("RuntimeRecord"),
    ("ops",): page(document("Operation")),
    ("ops", "g", "--open", "--kind", "patch", "--since", "1h"): page(document("Operation")),
    ("ops", "show", "7"): document("Operation"),
    ("explain", "g"): document("Explanation"),
    ("drift",): document("DriftReport"),
    ("workers",): document("WorkersReport"),
    ("node", "list"): {"items": [document("Node")]},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_the_document_of_the_service(run: Run, command: tuple[str, ...]) -> None:
    """Nothing else is on standard output, and properties of a newer service are kept."""
    is_made_of_items = command[-1] == "list"
    sent = COMMANDS[command] | ({} if is_made_of_items else {"colour": "green"})
    result = run(FakeService(answered(sent)), *command, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == sent


@pytest.mark.parametrize("command", COMMANDS)
def test_table_is_plain_when_it_is_not_for_a_terminal(run: Run, command: tuple[str, ...]) -> None:
    """No colours, no blanks at the ends of lines, nothing wrapped or cut."""
    result = run(FakeService(answered(COMMANDS[command])), *command)

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert all(line == line.rstrip() for line in result.stdout.splitlines())
    assert "…" not in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_texts_are_escaped_and_no_markup(run: Run, command: tuple[str, ...]) -> None:
    """No text from outside acts on the terminal, begins a line, or is read as markup."""

    def hostile(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: hostile(each) for name, each in value.items()}
        if isinstance(value, list):
            return [hostile(each) for each in value]
        return HOSTILE if value == "text" else value

    result = run(FakeService(answered(hostile(COMMANDS[command]))), *command)

    assert result.exit_code == 0
    assert "\\x1b[31mred\\x1b[0m [bold]not markup[/bold] \\u202e\\r\\n" in result.stdout
    assert not {"\x1b", "\r", "\u202e"} & set(result.stdout)
    assert not any(line.startswith("rtmanager:") for line in result.stdout.splitlines())


def test_games_are_filtered(run: Run) -> None:
    """By status, health and a part of the id or image."""
    games = [
        document("RuntimeOverview", game_id="a", status="running", health="unhealthy"),
        document("RuntimeOverview", game_id="b", status="stopped", image_ref="galaxy/x:1.0.0"),
    ]

    def shown(*options: str) -> list[str]:
        result = run(FakeService(answered({"items": games})), "list", *options, "--json")
        return [each["game_id"] for each in json.loads(result.stdout)["items"]]

    assert shown() == ["a", "b"]
    assert shown("--status", "stopped") == ["b"]
    assert shown("--health", "unhealthy") == ["a"]
    assert shown("--search", "galaxy/") == ["b"]


def test_no_games_says_how_to_start_one(run: Run) -> None:
    """An empty table helps nobody."""
    result = run(FakeService(answered({"items": []})), "list")

    assert result.stdout == ""
    assert "rtmanager start GAME IMAGE" in result.stderr


@pytest.mark.parametrize("command", [["ops", "a", "b"], ["ops", "show", "x"], ["ops", "show", "0"]])
def test_wrong_words_of_ops_are_wrong_usage(run: Run, command: list[str]) -> None:
    """Nothing is asked for."""
    service = FakeService()

    assert run(service, *command).exit_code == ExitCode.USAGE
    assert service.requests == []


@pytest.mark.parametrize("since", ["yesterday", "1x", "999999999d"])
def test_time_that_is_none_is_wrong_usage(run: Run, since: str) -> None:
    """Durations and times are accepted, and the message says which."""
    assert run(FakeService(), "ops", "--since", since).exit_code == ExitCode.USAGE


ACTIONS = {
    ("start", "g", "a:1.0.0"): ("POST", "start", {"image_ref": "a:1.0.0"}),
    ("stop", "g"): ("POST", "stop", {"reason": "admin_request"}),
    ("stop", "g", "--reason", "finished"): ("POST", "stop", {"reason": "finished"}),
    ("restart", "g"): ("POST", "restart", None),
    ("patch", "g", "a:1.0.1"): ("POST", "patch", {"image_ref": "a:1.0.1"}),
    ("cleanup", "g"): ("DELETE", "container", None),
}


@pytest.mark.parametrize("command", ACTIONS)
def test_action_is_sent_as_admin_and_its_steps_are_shown(
    run: Run, command: tuple[str, ...]
) -> None:
    """The steps are lines on stderr, and the outcome is one line on stdout."""
    method, path, body = ACTIONS[command]
    operation = document("Operation", outcome="success", error_code=None, duration_ms=1800)
    operation["steps"] = [document("Step", result="done", error=None, note="pulled")]
    service = FakeService(answered(document("RuntimeRecord")), answered(page(operation)))
    result = run(service, *command)
    sent, followed = service.requests

    assert result.exit_code == 0
    assert (sent.method, sent.url.path.rpartition("/")[2]) == (method, path)
    assert json.loads(sent.content or "null") == body
    assert sent.headers["x-galaxy-caller"] == "admin"
    assert followed.url.params["source_ref"] == sent.headers["x-request-id"]
    assert result.stdout == "text runs text in text (operation 7, 1.8 s).\n"
    assert result.stderr == "obtain_image  done  2 ms  pulled\n"


def test_action_with_json_prints_the_record_alone(run: Run) -> None:
    """No step is shown to a script."""
    record = document("RuntimeRecord")
    result = run(FakeService(answered(record)), "restart", "g", "--json")

    assert json.loads(result.stdout) == record
    assert result.stderr == ""


def test_replay_and_silent_engine_are_said(run: Run) -> None:
    """Nothing to do is no success like any other, and neither is an engine that never answered."""
    replay = document("Operation", error_code="replay_no_op")
    silent = document("Operation", error_code=None, healthy=False)
    record = answered(document("RuntimeRecord"))

    assert run(FakeService(record, answered(page(replay))), "restart", "g").stdout.startswith(
        "Nothing to do: "
    )
    assert "has not answered /healthz yet" in (
        run(FakeService(record, answered(page(silent))), "restart", "g").stdout
    )


def test_failed_operation_that_was_waited_for_is_exit_code_1(run: Run) -> None:
    """`ops show --wait` follows an operation to its end, for whoever was interrupted."""
    running = document("Operation", outcome="open")
    ended = document("Operation", outcome="failure", error_message="the engine exited")
    service = FakeService(answered(running), answered(ended))
    result = run(service, "ops", "show", "7", "--wait")

    assert result.exit_code == ExitCode.FAILED
    assert "the engine exited" in result.stdout
    assert "wait" in service.requests[1].url.params


def test_log_lines_are_printed_escaped_and_remarks_beside_them(run: Run) -> None:
    """An engine may print anything; what the service remarks is not its output."""
    lines = [
        document("LogLine", text="\x1b[2J[red]hello"),
        document("LogLine", stream="service", text="the engine has ended"),
    ]
    ndjson = [json.dumps(each) for each in lines]
    result = run(FakeService(stream(*ndjson)), "logs", "g", "--tail", "5")
    as_json = run(FakeService(stream(*ndjson)), "logs", "g", "--json")

    assert result.stdout == "2026-04-28 20:39:18Z  \\x1b[2J[red]hello\n"
    assert result.stderr == "-- the engine has ended\n"
    assert [json.loads(line) for line in as_json.stdout.splitlines()] == lines


def test_followed_log_goes_on_over_several_requests(run: Run) -> None:
    """The service ends a followed log after minutes: it is continued with no line twice."""
    first, second = "2026-04-28T20:39:18Z", "2026-04-28T20:39:19Z"
    lines = [json.dumps(document("LogLine", at=at, text=at)) for at in (first, second)]
    running = document("RuntimeRecord", status="running")
    service = FakeService(
        answered(running),
        stream(lines[0]),
        answered(running),
        stream(*lines),
        answered({**running, "status": "stopped"}),
    )
    result = run(service, "logs", "g", "-f", "--no-times")

    assert result.stdout.splitlines() == [first, second]
    assert service.requests[3].url.params["since"].startswith("2026-04-28T20:39:18")


def test_followed_log_of_a_container_that_was_removed_has_ended(run: Run) -> None:
    """That is what was waited for, and no fault."""
    line = json.dumps(document("LogLine"))
    running = answered(document("RuntimeRecord", status="running"))
    service = FakeService(running, stream(line), running, failed(404, "not_found"))

    assert run(service, "logs", "g", "-f").exit_code == 0


def test_events_are_lines_without_a_terminal(run: Run) -> None:
    """`watch` in a pipe prints each event, as text or NDJSON, until it is ended."""
    event = document("Event", type="operation")
    event["operation"].update(outcome="open", image_ref="a:1")
    sent = f"id: 5\nevent: operation\ndata: {json.dumps(event)}\n"

    def service() -> FakeService:
        return FakeService(stream(sent), failed(400, "invalid_request"))

    text, ndjson = run(service(), "watch"), run(service(), "watch", "--json")

    assert text.stdout.startswith("20:39:18  text  start to a:1 by lobby_stream: obtain_image")
    assert json.loads(ndjson.stdout) == {"id": "5", **event}


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ({"node": None, "is_out_of_reach": False}, "container  3f4e galaxy-game-g, running"),
        (
            {"node": "worker-1", "is_out_of_reach": False},
            "container  3f4e galaxy-game-g, running on worker-1",
        ),
        (
            {"node": "worker-1", "is_out_of_reach": True},
            "container  3f4e galaxy-game-g, on worker-1, which is down: nobody knows if it runs",
        ),
    ],
    ids=["single host", "node", "node down"],
)
def test_explanation_says_where_the_engine_is(run: Run, place: dict[str, Any], line: str) -> None:
    """What Docker showed before its node went down is not shown as if it were so now."""
    container = {
        **document("ContainerState", container_id="3f4e", state="running"),
        "name": "galaxy-game-g",
        **place,
    }
    result = run(
        FakeService(answered(document("Explanation", container=container))), "explain", "g"
    )

    (shown,) = [each for each in result.stdout.splitlines() if "galaxy-game-g" in each]
    assert " ".join(shown.split()) == " ".join(line.split())
