"""Mutants of the refusal of engines' connections."""

from tests.mutation.mutant import Mutant

_ADDRESSES = "rtmanager/domain/monitoring/engine_addresses.py"
_CONNECTIONS = "rtmanager/domain/monitoring/engine_connections.py"
_TESTS = "tests/unit/domain/monitoring/test_engine_connections.py"

OF_CONNECTIONS = (
    Mutant(
        name="engine that has ended meanwhile admitted",
        file=_ADDRESSES,
        old="        return not any(each.is_private and",
        new="        return True or not any(each.is_private and",
        caught_by=f"{_TESTS}::test_an_engine_that_has_ended_meanwhile_is_refused",
    ),
    Mutant(
        name="callers refused on networks without engines",
        file=_CONNECTIONS,
        old="(lambda each: any(map(each.covers, asked)))\n",
        new="(lambda each: each.name == self.network)\n",
        caught_by=f"{_TESTS}::test_an_engine_is_refused_on_a_network_that_it_was_just_attached_to",
    ),
    Mutant(
        name="container that is gone taken for a caller",
        file=_ADDRESSES,
        old="            return all(each in self.containers for each in holders) and not ",
        new="            return not ",
        caught_by=f"{_TESTS}::test_an_engine_that_is_gone_before_it_is_identified_is_refused",
    ),
    Mutant(
        name="holder of an address remembered",
        file=_CONNECTIONS,
        old="(known.admits(peer) and not known.holders(peer)):\n",
        new="known.admits(peer):\n",
        caught_by=f"{_TESTS}::test_who_was_admitted_is_refused_once_it_is_an_engine",
    ),
    Mutant(
        name="new network believed to be outside",
        file=_CONNECTIONS,
        old="        if shown_at is not None:\n",
        new="        if shown_at is not None or now - self._asked_at < REPEAT_AFTER:\n"
        "            shown_at = shown_at or self._asked_at\n",
        caught_by=f"{_TESTS}::test_the_first_engine_on_a_new_network_is_refused",
    ),
    Mutant(
        name="every address remembered for ever",
        file=_CONNECTIONS,
        old="        while len(self._lasting) > REMEMBERED:\n",
        new="        while False:\n",
        caught_by=f"{_TESTS}::test_few_callers_are_remembered",
    ),
    Mutant(
        name="open connection of an engine left open",
        file="rtmanager/server/readmission.py",
        old="                self._all.close(peer)\n",
        new="                pass\n",
        caught_by="tests/unit/server/test_readmission.py"
        "::test_a_connection_of_who_is_not_admitted_any_more_is_closed",
    ),
    Mutant(
        name="earlier answer taken for a fresh one",
        file="rtmanager/domain/concurrency.py",
        old="        if self._next is None:\n            self._next = asyncio",
        new="        if self.latest is not None and not self.latest.done():\n"
        "            return self.latest\n"
        "        if self._next is None:\n            self._next = asyncio",
        caught_by=f"{_TESTS}::test_peers_that_come_together_share_an_answer",
    ),
    Mutant(
        name="open connections forgotten by the server",
        file="rtmanager/server/http.py",
        old="            self._readmission.begin()\n",
        new="            pass\n",
        caught_by="tests/unit/server/test_readmission.py::test_the_server_asks_every_three_seconds",
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
        name="question for every caller",
        file=_CONNECTIONS,
        old="            if now - shown_at < REPEAT_AFTER:\n",
        new="            if now < shown_at:\n",
        caught_by=f"{_TESTS}::test_callers_outside_of_the_engines_networks_cause_no_lists",
    ),
    Mutant(
        name="unexpected error of a question left to the event loop",
        file=_CONNECTIONS,
        old="        except Exception as error:",
        new="        except RuntimeManagerError as error:",
        caught_by=f"{_TESTS}"
        "::test_an_error_that_nobody_expects_is_logged_and_the_last_answer_decides",
    ),
    Mutant(
        name="engine that is gone kept in memory",
        file=_CONNECTIONS,
        old="        self._logged &= {each.id for each in known.containers.values() if each}\n",
        new="",
        caught_by=f"{_TESTS}::test_a_container_that_is_gone_is_forgotten",
    ),
)
