"""Docker's port on the model: it shows the containers, and notes what is called."""

from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.ports.container_host import HostRefused
from tests.exhaustive.shown import IDS, NAMES, STRANGER, details
from tests.exhaustive.world import ENGINE, Call, World

_KEYS = {name: key for key, name in NAMES.items()}


class ModelHost:
    """Shows the model's containers to the real observer, and notes the calls of the executor."""

    def __init__(self, world: World | None = None, *, refuses: bool = False) -> None:
        self.world, self.refuses = world, refuses
        self.calls: list[Call] = []

    async def containers_of(self, _: str) -> list[ContainerDetails]:
        return self._all()

    async def named(self, name: str) -> ContainerDetails | None:
        if self.world is not None and self.world.stranger and name == NAMES[ENGINE]:
            return STRANGER
        return next((each for each in self._all() if each.name == name), None)

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        return next((each for each in self._all() if each.id == container_id), None)

    async def create(self, _: object) -> ContainerId:
        self._note(Call("create"))
        return ContainerId("just made")

    async def start(self, container: str) -> None:
        self._note(_call("start", container))

    async def stop(self, container: str, *, grace: int) -> None:  # noqa: ARG002 - as the port's
        self._note(_call("stop", container))

    async def rename(self, container: str, name: str) -> None:
        self._note(_call("rename", container)._replace(name=_KEYS[name]))

    async def remove(self, container: str) -> None:
        self._note(_call("remove", container))

    def _all(self) -> list[ContainerDetails]:
        if self.world is None:
            return []
        return [details(slot, each) for slot, each in enumerate(self.world.containers) if each]

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        if self.refuses:
            raise HostRefused


def _call(verb: str, container: str) -> Call:
    if container in _KEYS:
        return Call(verb, address=_KEYS[container])
    return Call(verb, slot=IDS.index(ContainerId(container)))
