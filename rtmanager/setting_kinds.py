"""The kinds of settings: the type of each in the program, and the form in which it is written."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import SecretStr

from rtmanager import setting_forms as forms
from rtmanager import setting_secrets as secrets
from rtmanager.setting_forms import Address, Form, Seconds

PositiveDuration = Annotated[Seconds, forms.duration()]
Duration = Annotated[Seconds, forms.duration(zero_allowed=True)]
WholeNumber = Annotated[int, forms.whole_number(0)]
Count = Annotated[int, forms.whole_number(1)]
OwnerId = Annotated[int, forms.whole_number(0, 2**32 - 2)]
StreamName = Annotated[str, forms.matching(r"[!-~]{1,200}", "is no stream name", "a Redis key")]
Secret = Annotated[SecretStr, Form("any text", secrets.parse_secret, secrets.mask)]
PostgresDsn = Annotated[
    SecretStr,
    Form(
        "postgresql://user:password@host:5432/database or a libpq connection string",
        secrets.parse_postgres_dsn,
        secrets.mask_postgres_dsn,
    ),
]
ListenAddress = Annotated[Address, Form(":port or host:port", forms.parse_listen_address)]
ServiceAddress = Annotated[Address, Form("host:port, no scheme", forms.parse_address)]
DockerHost = Annotated[
    str, Form("unix:///path, tcp://host:port or https://host:port", forms.parse_docker_host)
]
NetworkName = Annotated[str, Form("the name of a user-defined Docker network", forms.parse_network)]
Directory = Annotated[Path, Form("an absolute path such as /srv/galaxy", forms.parse_directory)]
VariableName = Annotated[
    str,
    forms.matching(
        r"[A-Za-z_][A-Za-z0-9_]*", "is no variable name", "letters, digits and underscores"
    ),
]
CpuQuota = Annotated[float, Form("a number of CPUs from 0.01, as 1.5", forms.parse_cpu_quota)]
Memory = Annotated[
    int, Form("at least 6m: a number and b, k, m or g", forms.parse_memory, forms.render_memory)
]
DirectoryMode = Annotated[int, Form("octal such as 0750", forms.parse_mode, "{:04o}".format)]
PullPolicy = Annotated[
    Literal["if_missing", "always", "never"], forms.one_of("if_missing", "always", "never")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], forms.one_of("debug", "info", "warning", "error")
]
LogFormat = Annotated[Literal["json", "console"], forms.one_of("json", "console")]
Switch = Annotated[bool, Form("true or false", forms.parse_switch, lambda on: str(on).lower())]
