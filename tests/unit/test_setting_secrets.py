from traceback import format_exception

import pytest

from rtmanager.setting_forms import FormError
from rtmanager.setting_secrets import parse_postgres_dsn


@pytest.mark.parametrize("dsn", ["hunter2", "postgres://rtm:hunter2@[", "password=hunter2 x"])
def test_a_refused_dsn_is_not_in_the_traceback(dsn: str) -> None:
    """The driver quotes a DSN that it refuses; that must not reach any log."""
    with pytest.raises(FormError) as caught:
        parse_postgres_dsn(dsn)

    assert "hunter2" not in str(format_exception(caught.value)[-1])
    assert caught.value.__suppress_context__
