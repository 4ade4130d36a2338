from pathlib import Path

import pytest

from dev import SetUpError
from dev import checkout as dev_checkout
from dev.checkout import NETWORK, Checkout, ensure_network, networks_named
from rtmanager.domain import container
from tests.unit.dev.checkouts import Machine, StartEngine, labels_of, make_checkout


def test_trap_two_checkouts_on_one_docker_host(
    machine: Machine, first: Checkout, second: Checkout
) -> None:
    """The second checkout gets a network of its own, which one printed line explains."""
    preferred = machine.run_in(first)
    assert machine.printed == []

    own = machine.run_in(second)

    assert (preferred, own) == (machine.preferred, f"{machine.preferred}-{second.short_hash}")
    assert labels_of(machine.client, own) == {"com.galaxy.checkout": str(second.directory)}
    (line,) = machine.printed
    assert line == (
        f"The network {preferred} belongs to {first.directory}: "
        f"this checkout's engines run on {own}."
    )


def test_trap_two_checkouts_with_games_on_a_network_that_names_nobody(
    machine: Machine, first: Checkout, second: Checkout, start_engine: StartEngine
) -> None:
    """An unlabelled network belongs to the checkout whose engines are on it."""
    ensure_network(machine.docker_host, machine.preferred)
    start_engine(machine.preferred, first)

    networks = machine.run_in(first), machine.run_in(second)

    assert networks == (machine.preferred, f"{machine.preferred}-{second.short_hash}")
    assert f"belongs to {first.state_root}" in machine.printed[0]


def test_trap_two_checkouts_whose_games_are_stopped(
    machine: Machine,
    first: Checkout,
    second: Checkout,
    start_engine: StartEngine,
) -> None:
    """Stopped engines count, or the other checkout would remove them."""
    ensure_network(machine.docker_host, machine.preferred)
    machine.client.kill(start_engine(machine.preferred, first))

    assert machine.run_in(second) != machine.preferred


def test_trap_another_state_root_for_one_run(
    machine: Machine, first: Checkout, start_engine: StartEngine, tmp_path: Path
) -> None:
    """The engines that are there are still this checkout's, which keeps its network."""
    ensure_network(machine.docker_host, machine.preferred)
    start_engine(machine.preferred, first)

    elsewhere = Checkout(first.directory, tmp_path / "elsewhere")

    assert machine.run_in(elsewhere) == machine.preferred
    assert machine.printed == []


def test_the_network_stays_the_same_when_the_preferred_one_is_free_again(
    machine: Machine, first: Checkout, second: Checkout
) -> None:
    """A checkout whose engines are on a network of its own keeps using it, without a message."""
    machine.run_in(first)
    own = machine.run_in(second)
    machine.client.remove_network(machine.preferred)
    machine.printed.clear()

    assert machine.run_in(second) == own
    assert machine.printed == []
    assert networks_named(machine.client, machine.preferred) == []


def test_a_network_that_was_pruned_is_made_again(machine: Machine, first: Checkout) -> None:
    """A network that Docker pruned while nothing ran is created again."""
    machine.client.remove_network(machine.run_in(first))

    assert machine.run_in(first) == machine.preferred
    assert labels_of(machine.client, machine.preferred) == first.labels


def test_a_checkout_that_was_copied_with_its_data_leaves_the_original_its_network(
    machine: Machine, first: Checkout, second: Checkout
) -> None:
    """A copied checkout gets a new network, as the remembered one is the original's."""
    machine.run_in(first)
    (second.directory / "network").write_text((first.directory / "network").read_text())

    assert machine.run_in(second) == f"{machine.preferred}-{second.short_hash}"


def test_a_checkout_that_was_deleted_or_moved_claims_nothing(
    machine: Machine, first: Checkout, second: Checkout
) -> None:
    """Only an existing directory counts as another checkout."""
    machine.run_in(first)
    (first.directory / "network").unlink()
    first.state_root.rmdir()
    first.directory.rmdir()

    assert machine.run_in(second) == machine.preferred


def test_an_unlabelled_network_without_engines_is_used(machine: Machine, first: Checkout) -> None:
    """A network that the user created beforehand, as advised, is used."""
    ensure_network(machine.docker_host, machine.preferred)

    assert machine.run_in(first) == machine.preferred
    assert len(networks_named(machine.client, machine.preferred)) == 1


def test_a_network_that_docker_refuses_is_a_clear_line(machine: Machine, first: Checkout) -> None:
    """Docker's refusal to create a network is one clear line, without a traceback."""
    machine.preferred = " "

    with pytest.raises(
        SetUpError, match=r"Docker cannot create the network of the engines: .*invalid"
    ):
        machine.run_in(first)
    assert not (first.directory / "network").exists()


def test_each_checkout_has_a_network_of_its_own_name(tmp_path: Path) -> None:
    """The name is derived from the directory, so that it is the same in each run."""
    checkouts = [make_checkout(tmp_path / name) for name in ("a", "b")]
    again = Checkout(tmp_path / "a", tmp_path / "a" / "games")

    assert checkouts[0].short_hash == again.short_hash
    assert checkouts[0].short_hash != checkouts[1].short_hash


def test_engines_are_known_by_the_label_that_the_service_gives_them() -> None:
    """This test keeps the label in step with the domain, which the package cannot import."""
    assert f"{container.OWNER_LABEL}={container.OWNER}" == dev_checkout.ENGINE_LABEL
    assert NETWORK == "galaxy-net"
