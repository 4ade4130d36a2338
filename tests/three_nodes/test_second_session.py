"""The second session, jobs and their results, on a Swarm: every job as on a single Docker host."""

# ruff: noqa: F403 - the tests of the session are run here on the Swarm

from tests.acceptance.test_streams_first_session import *
