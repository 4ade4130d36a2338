"""Mutants of what decides about a request before its endpoint does."""

from tests.mutation.mutant import Mutant

_TESTS = "tests/unit/handlers"
_GUARD = "rtmanager/handlers/browser_guard.py"
_TOKENS = "rtmanager/handlers/bearer_tokens.py"
_FILE = "rtmanager/handlers/api_tokens.py"

OF_ACCESS = (
    Mutant(
        name="second Host header ignored",
        file=_GUARD,
        old="        if len(hosts) != 1:\n",
        new="        if not hosts:\n",
        caught_by=f"{_TESTS}/test_browser_guard.py"
        "::test_request_without_one_valid_host_is_refused[hosts4-GET]",
    ),
    Mutant(
        name="any host known",
        file=_GUARD,
        old=" or host.name in self.allowed_hosts:\n",
        new=" or self.allowed_hosts:\n",
        caught_by=f"{_TESTS}/test_browser_guard.py::test_foreign_host_is_refused[evil.example-GET]",
    ),
    Mutant(
        name="number taken for a name",
        file="rtmanager/handlers/host_header.py",
        old=" or _NUMBER.fullmatch(self.name):\n",
        new=":\n",
        caught_by=f"{_TESTS}/test_host_header.py::test_other_names_are_neither[2130706433]",
    ),
    Mutant(
        name="top-level domain taken for a local name",
        file="rtmanager/handlers/host_header.py",
        old='self.name == "localhost" or not self.has_final_dot\n',
        new="True\n",
        caught_by=f"{_TESTS}/test_host_header.py::test_other_names_are_neither[ai.]",
    ),
    Mutant(
        name="everything in HTTP/1.0 passed without a Host",
        file=_GUARD,
        old=' and scope["path"] in OPEN_PATHS\n',
        new="\n",
        caught_by=f"{_TESTS}/test_browser_guard.py::test_everything_else_needs_a_host[more4]",
    ),
    Mutant(
        name="same site taken for the same origin",
        file=_GUARD,
        old='(b"same-origin", b"none")',
        new='(b"same-origin", b"none", b"same-site")',
        caught_by=f"{_TESTS}/test_browser_guard.py"
        "::test_page_of_another_site_is_refused[None-same-site-POST]",
    ),
    Mutant(
        name="origin only checked with Sec-Fetch headers",
        file=_GUARD,
        old='else origin == host.origin(scope["scheme"])',
        new="else True",
        caught_by=f"{_TESTS}/test_browser_guard.py"
        "::test_other_origin_is_refused_without_sec_fetch_headers[null]",
    ),
    Mutant(
        name="scheme of the request ignored",
        file=_GUARD,
        old='host.origin(scope["scheme"])',
        new='host.origin(origin.partition(":")[0])',
        caught_by=f"{_TESTS}/test_browser_guard.py::test_scheme_of_the_request_counts",
    ),
    Mutant(
        name="second Origin ignored",
        file=_GUARD,
        old=" and len(origins) <= 1\n",
        new="\n",
        caught_by=f"{_TESTS}/test_browser_guard.py::test_repeated_headers_are_refused[headers2]",
    ),
    Mutant(
        name="source left to the caller",
        file=_TOKENS,
        old="        scope[SOURCE_KEY] = holder.source\n",
        new="",
        caught_by=f"{_TESTS}/test_bearer_tokens.py"
        "::test_token_decides_about_the_source[gm-Bearer b.o~b=-admin_rest]",
    ),
    Mutant(
        name="name of an earlier caller kept",
        file=_TOKENS,
        old='            unbind_contextvars("caller")\n',
        new="",
        caught_by=f"{_TESTS}/test_bearer_tokens.py::test_probes_need_no_token[/healthz]",
    ),
    Mutant(
        name="last tokens forgotten",
        file=_FILE,
        old="        self._entries = _parse(found.text)\n",
        new="        self._entries = ()\n        self._entries = _parse(found.text)\n",
        caught_by=f"{_TESTS}/test_api_tokens.py"
        "::test_broken_file_keeps_the_last_tokens_and_is_logged_once[]",
    ),
    Mutant(
        name="fault of the tokens logged every second",
        file=_FILE,
        old="            if self._fault != str(error):\n",
        new="            if str(error):\n",
        caught_by=f"{_TESTS}/test_api_tokens.py"
        "::test_broken_file_keeps_the_last_tokens_and_is_logged_once[]",
    ),
)
