import asyncio

import pytest

from rtmanager.adapters.docker.start_queue import StartQueue
from rtmanager.domain.ports.container_host import ContainerStartFailed, DockerUnavailable


class Starts:
    """Starts that last until the test ends them, on a Docker that answers or not."""

    def __init__(self, places: int) -> None:
        self.queue = StartQueue(places, self._ping)
        self.answers = True
        self.looks = 0
        self.running: dict[int, asyncio.Future[None]] = {}

    async def _ping(self) -> None:
        self.looks += 1
        if not self.answers:
            raise DockerUnavailable

    def start(self, number: int) -> "asyncio.Task[None]":
        """Request a start."""
        return asyncio.create_task(self._begin(number))

    async def _begin(self, number: int) -> None:
        async with self.queue.turn():
            self.running[number] = asyncio.get_running_loop().create_future()
            await self.running[number]


async def _let_tasks_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_few_start_at_once_in_the_order_of_arrival() -> None:
    """Starts beyond the limit wait for a place."""
    starts = Starts(2)
    tasks = [starts.start(number) for number in range(4)]
    await _let_tasks_run()
    assert list(starts.running) == [0, 1]

    starts.running[1].set_result(None)
    await _let_tasks_run()

    assert list(starts.running) == [0, 1, 2]
    for number in (0, 2, 3):
        starts.running[number].set_result(None)
        await _let_tasks_run()
    await asyncio.gather(*tasks)


async def test_a_refused_start_does_not_concern_the_others() -> None:
    """A container that cannot start does not mean that Docker is away."""
    starts = Starts(1)
    first, second = starts.start(1), starts.start(2)
    await _let_tasks_run()
    starts.running[1].set_exception(ContainerStartFailed())
    await _let_tasks_run()

    assert isinstance(first.exception(), ContainerStartFailed)
    assert (list(starts.running), starts.looks) == ([1, 2], 0)
    starts.running[2].set_result(None)
    await second


async def test_one_hanging_start_does_not_fail_those_behind_it() -> None:
    """Starts in the queue ping Docker once, together, and proceed."""
    starts = Starts(1)
    tasks = [starts.start(number) for number in range(3)]
    await _let_tasks_run()
    starts.running[0].set_exception(DockerUnavailable())
    await _let_tasks_run()
    starts.running[1].set_result(None)
    await _let_tasks_run()
    starts.running[2].set_result(None)

    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in done] == [DockerUnavailable, type(None), type(None)]
    assert starts.looks == 1


async def test_a_docker_that_is_away_empties_the_queue_with_one_ping() -> None:
    """Queued starts fail together, not one deadline after the other."""
    starts = Starts(1)
    tasks = [starts.start(number) for number in range(50)]
    await _let_tasks_run()
    starts.answers = False
    starts.running[0].set_exception(DockerUnavailable())

    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(isinstance(one, DockerUnavailable) for one in done)
    assert (list(starts.running), starts.looks) == ([0], 1)


async def test_a_later_start_tries_by_itself() -> None:
    """A start that arrives after the outage is attempted as usual."""
    starts = Starts(1)
    first = starts.start(0)
    await _let_tasks_run()
    starts.running[0].set_exception(DockerUnavailable())
    with pytest.raises(DockerUnavailable):
        await first

    later = starts.start(1)
    await _let_tasks_run()
    starts.running[1].set_result(None)
    await later

    assert starts.looks == 0
