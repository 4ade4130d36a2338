"""Mutants of the refusal of engines' connections."""

from tests.mutation.mutant import Mutant

_ADDRESSES = "rtmanager/domain/monitoring/engine_addresses.py"
_CONNECTIONS = "rtmanager/domain/monitoring/engine_connections.py"
_TESTS = "tests/unit/domain/monitoring/test_engine_connections.py"

OF_CONNECTIONS = (
    Mutant(
        name="engine that has ended meanwhile admitted",
        file=_ADDRESSES,
        old="        return is_known or not any(peer in subnet for subnet in self.private)\n",
        new="        return True\n",
        caught_by=f"{_TESTS}::test_an_engine_that_has_ended_meanwhile_is_refused",
    ),
    Mutant(
        name="engine refused on its own network only",
        file=_CONNECTIONS,
        old=".union(*(each.attached_to for each in containers))\n",
        new="\n",
        caught_by=f"{_TESTS}::test_an_engine_is_refused_on_every_network",
    ),
    Mutant(
        name="earlier list taken for a fresh one",
        file="rtmanager/domain/concurrency.py",
        old="        if self._next is None:\n            self._next = asyncio",
        new="        if self.latest is not None and not self.latest.done():\n"
        "            return self.latest\n"
        "        if self._next is None:\n            self._next = asyncio",
        caught_by=f"{_TESTS}::test_peers_that_come_together_share_a_list",
    ),
    Mutant(
        name="IPv4 address in an IPv6 one not recognised",
        file=_ADDRESSES,
        old="    return mapped or address\n",
        new="    return address\n",
        caught_by=f"{_TESTS}::test_an_engine_is_refused_on_a_listener_of_both_families",
    ),
    Mutant(
        name="link-local peer admitted",
        file=_CONNECTIONS,
        old="        if peer is None or _is_link_local(peer):\n",
        new="        if peer is None:\n",
        caught_by=f"{_TESTS}::test_a_peer_that_nobody_can_identify_is_refused"
        "[fe80::42:acff:fe19:2]",
    ),
    Mutant(
        name="old list believed for ever",
        file=_CONNECTIONS,
        old="        elif age >= STALE_AFTER:\n",
        new="        elif age < 0:\n",
        caught_by=f"{_TESTS}::test_an_old_list_is_renewed_once",
    ),
    Mutant(
        name="list for every caller",
        file=_ADDRESSES,
        old="        return peer not in self.gateways and self.covers(peer)\n",
        new="        return True\n",
        caught_by=f"{_TESTS}::test_callers_outside_of_the_engines_networks_cause_no_lists",
    ),
    Mutant(
        name="list for every connection of an engine",
        file=_CONNECTIONS,
        old=" or age >= REPEAT_AFTER:\n",
        new=" or age >= 0:\n",
        caught_by=f"{_TESTS}::test_a_flood_from_an_engine_costs_a_list_a_second",
    ),
    Mutant(
        name="unexpected error of a list left to the event loop",
        file=_CONNECTIONS,
        old="        except Exception as error:",
        new="        except RuntimeManagerError as error:",
        caught_by=f"{_TESTS}"
        "::test_an_error_that_nobody_expects_is_logged_and_the_last_list_decides",
    ),
    Mutant(
        name="engine that is gone kept in memory",
        file=_CONNECTIONS,
        old="        self._logged &= {each.id for each in containers}\n",
        new="",
        caught_by=f"{_TESTS}::test_a_container_that_is_gone_is_forgotten",
    ),
)
