from traceback import format_exception

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from rtmanager.config import ConfigError, Settings
from rtmanager.config.postgres_dsn import mask_postgres_dsn, with_password

OTHERS = {
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://rtm:can@ary@db/galaxy",  # libpq: host ary@db
        "postgresql://rtm:can/ary@db/galaxy",  # libpq: port can, database ary@db/galaxy
        "postgresql://rtm:1/canary@db/galaxy",  # libpq: port 1, database canary@db/galaxy
        "postgresql://rtm:can@ary/x@db/galaxy",  # libpq: host ary, database x@db/galaxy
        "postgresql://rtm:canary/x",
        "postgresql://rtm:can%ary@db/galaxy",  # the driver's message quotes it
        "host=db user=rtm password=canary ary",
    ],
)
def test_a_dsn_whose_password_libpq_cuts_apart_is_refused_without_a_part_of_it(dsn: str) -> None:
    """Otherwise a part of the password would be shown and logged as a host or a database."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(OTHERS | {"RTMANAGER_POSTGRES_PRIMARY_DSN": dsn})

    (fault,) = caught.value.faults
    assert fault.variable == "RTMANAGER_POSTGRES_PRIMARY_DSN"
    assert "ary" not in "".join(format_exception(caught.value)).replace("library", "")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://rtm:p%40ss%2Fword@db1:5432,db2:5433/galaxy",
        "postgresql://rtm:p?ss#word:x@db/galaxy",
        "postgresql:///galaxy?host=/run/postgresql",
        "postgresql://rtm@[::1]:5432/galaxy?application_name=a%40b",
    ],
)
def test_other_unusual_dsns_are_accepted(dsn: str) -> None:
    """A percent-encoded password is the way out, and sockets and several hosts are fine."""
    settings = Settings.from_environment(OTHERS | {"RTMANAGER_POSTGRES_PRIMARY_DSN": dsn})

    assert settings.postgres_primary_dsn.get_secret_value() == dsn


def test_the_password_completes_the_dsn() -> None:
    """Any character may be in it, whatever the DSN's form."""
    password = "p@ss/word' \\"
    conninfo = with_password(SecretStr("postgresql://rtm@db/galaxy"), SecretStr(password))

    assert conninfo_to_dict(conninfo) == {
        "user": "rtm",
        "host": "db",
        "dbname": "galaxy",
        "password": password,
    }


def test_every_secret_of_a_dsn_is_masked() -> None:
    """The password of a private key is a secret too."""
    shown = mask_postgres_dsn(SecretStr("host=db password=canary sslpassword=canary"))

    assert "canary" not in shown
    assert "host=db" in shown
