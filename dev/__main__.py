"""`python -m dev`, started by `make run`: the service with everything it needs."""

import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dev import SetUpError, docker_host
from dev.env_file import write_env_file
from dev.environment import HTTP_PORT, overridden, prepare
from dev.swarm import environment as swarm_environment
from dev.swarm.replicas import Addresses, Replicas
from rtmanager.cli.faults import refuse
from rtmanager.cli.serve import run_service
from rtmanager.config import Address

app = typer.Typer(
    name="python -m dev",
    add_completion=False,
    # Human-readable tracebacks show local variables, and those hold passwords.
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    app(prog_name="python -m dev")


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    data_dir: Annotated[
        Path, typer.Option(help="Data directory of Postgres, Redis and the games.")
    ] = Path(".rtmanager"),
) -> None:
    """Prepare everything the service needs on this machine, and run the service.

    Uses or starts Docker, starts Postgres and Redis, creates the network and builds demo images.
    RTMANAGER_* variables override what is prepared. Ctrl-C stops the service, Postgres and Redis;
    Docker and the games keep running, and the next run finds them.
    """
    context.obj = data_dir
    if context.invoked_subcommand is None:
        _run(data_dir)


@app.command()
def stop_docker(context: typer.Context) -> None:
    """Stop the dockerd that an earlier run started, and every game with it."""
    docker_host.stop_docker(context.obj, typer.echo)


@app.command()
def swarm(context: typer.Context) -> None:
    """Run three Runtime Managers on a Swarm of three nodes, each in namespaces of its own.

    They are behind the address at which one listens otherwise. RTMANAGER_* variables override what
    is prepared. Ctrl-C stops them, Postgres and Redis; the Swarm and the games keep running.
    """
    data_dir: Path = context.obj
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with swarm_environment.prepared(data_dir, typer.echo) as environment:
            _run_replicas(data_dir, environment)
            typer.echo("The Swarm and its games keep running; `make swarm-down` removes it.")
    except SetUpError as error:
        refuse(str(error))


@app.command()
def swarm_down(context: typer.Context) -> None:
    """Remove the Swarm that an earlier run started, and end every game on it."""
    try:
        swarm_environment.remove(context.obj, typer.echo)
    except SetUpError as error:
        refuse(str(error))


def _run_replicas(data_dir: Path, environment: swarm_environment.SwarmEnvironment) -> None:
    variables = overridden(environment.environ, _set_variables())
    address = Address("127.0.0.1", _port_of(variables["RTMANAGER_INTERNAL_HTTP_ADDR"]))
    env_file = data_dir / "env"
    write_env_file(env_file, variables)
    with_token = "RTMANAGER_API_TOKENS_FILE" in variables
    welcome = partial(
        _welcome, address, env_file=env_file, variables=variables, with_token=with_token
    )
    replicas = Replicas(
        environment.seats,
        variables | {"RTMANAGER_INTERNAL_HTTP_ADDR": str(address)},
        Addresses(address.port, environment.needed_ports),
        typer.echo,
    )
    replicas.run(welcome)


def _port_of(address: str) -> int:
    _, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise SetUpError(f"RTMANAGER_INTERNAL_HTTP_ADDR is {address}; it needs a port, as in :8096")
    return int(port)


def _run(data_dir: Path) -> None:
    # Until the server handles signals, SIGTERM unwinds like Ctrl-C, so that what was started stops.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _require_no_swarm(data_dir)
        environment = prepare(data_dir, typer.echo)
    except SetUpError as error:
        refuse(str(error))
    try:
        variables = overridden(environment.environ, _set_variables())
        env_file = data_dir / "env"
        write_env_file(env_file, variables)
        with_token = "RTMANAGER_API_TOKENS_FILE" in variables
        welcome = partial(_welcome, env_file=env_file, variables=variables, with_token=with_token)
        run_service(variables, welcome)
    finally:
        environment.stop()


def _require_no_swarm(data_dir: Path) -> None:
    """Refuse while engines of `make swarm` can write the same states."""
    if swarm_environment.cluster_of(data_dir).is_on:
        raise SetUpError(
            "a Swarm of `make swarm` is running here: remove it with `make swarm-down`, "
            "or use another directory: .venv/bin/python -m dev --data-dir DIRECTORY"
        )


def _set_variables() -> dict[str, str]:
    """Return the variables that are set; an empty one counts as unset."""
    return {name: value for name, value in os.environ.items() if value.strip()}


def _welcome(
    address: Address, *, env_file: Path, variables: Mapping[str, str], with_token: bool
) -> None:
    # Imported late because it is slow, and --help should be quick.
    from rtmanager.server.connexion_app import SWAGGER_UI_PATH  # noqa: PLC0415

    url = _local_url(address)
    # With an address of its own, the file also says where the commands find the service.
    write_env_file(env_file, {**variables, "RTM_URL": url})
    at = "" if address.port == HTTP_PORT else f" --url {url}"
    token = " \\\n    -H 'Authorization: Bearer TOKEN'" if with_token else ""
    typer.echo(f"""
The Runtime Manager is ready. Ctrl-C stops it; the games keep running.

  service       {url}
  console       {url}/console/
  Swagger UI    {url}{SWAGGER_UI_PATH}
  command line  .venv/bin/rtmanager list{at}
                `. .venv/bin/activate` puts it on the PATH; `rtmanager --help` lists the commands
  checks        .venv/bin/rtmanager doctor --env-file {env_file}

Start a first game, here or in the console:

  .venv/bin/rtmanager start my-first-game galaxy/game:1.4.7{at}

or over HTTP:

  curl -X POST {url}/api/v1/internal/runtimes/my-first-game/start{token} \\
    -H 'Content-Type: application/json' -d '{{"image_ref": "galaxy/game:1.4.7"}}'
""")


def _local_url(address: Address) -> str:
    """Return the URL of a listening address for a browser on this machine."""
    every_interface = address.host in {"", "::", "0.0.0.0"}  # noqa: S104 - compared, not bound
    return f"http://{Address('127.0.0.1', address.port) if every_interface else address}"


if __name__ == "__main__":
    main()
