"""The command line: `csms serve | import | export | simulate | token | user | ... | check`.

Exit status: 0 done, 1 done in part or not as asked, 2 nothing could be done.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import uvloop
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError
from pymongo.errors import PyMongoError

from csms import __version__, analyst_role, db, logs, users_command
from csms.banner import address_lines
from csms.certificates import command as ca
from csms.checks import command as checks
from csms.config import Settings, load_settings
from csms.domain.api_token import Role, Scope, highest_role
from csms.domain.text import nfc
from csms.embedded_mongod import EmbeddedMongod, running_uri
from csms.errors import CsmsError, DatabaseUnavailable, NoReplicaSet
from csms.metrics import is_worker, share_among_workers
from csms.mongod_secrets import ANALYST_URI_FILE
from csms.mongodb_in_use import MongodbInUse
from csms.secret_files import secret_names
from csms.terminal import on_terminal

TOKEN_FILE = "admin-token"
_AS_JSON = {"message_log_skip": '["Heartbeat"]', "oidc_roles": '{"fleet-admins": "admin"}'}
"""Settings that the command line takes as JSON, with an example of each."""
MONGOD_LOOKED_AT_EVERY = 1.0
MONGOD_TRIED_AT_LEAST_EVERY = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # These two have a command line of their own, which the script for import shares.
    if arguments[:1] in (["import"], ["export"]):
        from csms.client import fleet

        command = fleet.import_main if arguments[0] == "import" else fleet.export_main
        return command(arguments[1:])
    args = _parser().parse_args(arguments)
    args.given = arguments[1:]
    try:
        return int(args.run(args))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = ".".join(str(part) for part in problem["loc"]) or "settings"
            message = str(problem["msg"]).removeprefix("Value error, ")
            print(f"csms: setting {name}: {message}", file=sys.stderr)
    except (CsmsError, OSError) as error:
        print(f"csms: {error}", file=sys.stderr)
    except SettingsError as error:
        print(f"csms: {error}", file=sys.stderr)
    except PyMongoError as error:
        print(f"csms: MongoDB: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="csms", description="OCPP 1.6J central system")
    parser.add_argument("--version", action="version", version=f"csms {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the central system")
    serve.set_defaults(run=_serve)
    check = commands.add_parser("check", help="check the settings, TLS files and the database")
    check.set_defaults(run=_check)
    checks.add_arguments(check)
    commands.add_parser("import", help="whitelist a fleet from a CSV file", add_help=False)
    commands.add_parser("export", help="write the fleet to a CSV file", add_help=False)
    _add_simulate(commands)
    _add_token(commands)
    _add_user(commands)
    _add_analyst_role(commands)
    _add_restore_key_hashes(commands)
    ca.add_arguments(commands)
    for command in (serve, check):
        _add_settings(command)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings (each also as CSMS_NAME in the environment)")
    # Command lines are seen by everyone on the machine.
    secrets = secret_names(Settings)
    for name, field in Settings.model_fields.items():
        if name in secrets:
            continue
        help_text = (field.description or "").replace("%", "%%")
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"setting_{name}",
            metavar="VALUE",
            help=f"{help_text} (default: {field.default})",
        )


def _settings(args: argparse.Namespace) -> Settings:
    given = {
        name.removeprefix("setting_"): value
        for name, value in vars(args).items()
        if name.startswith("setting_") and value is not None
    }
    for name, example in _AS_JSON.items():
        if isinstance(given.get(name), str):
            try:
                given[name] = json.loads(given[name])
            except ValueError:
                raise SettingsError(f"{name}: write it as in {example}") from None
    return load_settings(**given)


@contextmanager
def _mongodb(settings: Settings) -> Iterator[tuple[str, EmbeddedMongod | None]]:
    """The URI of the database: the configured one, or that of a private mongod, given as well."""
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri.get_secret_value(), None
        return
    mongod = EmbeddedMongod(
        settings.data_dir,
        binary=settings.mongod,
        cache_gb=settings.mongod_cache_gb,
        database=settings.mongodb_database,
    )
    try:
        yield mongod.start(), mongod
    finally:
        mongod.stop()


def _run(coroutine: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def _serve(args: argparse.Namespace) -> int:
    from csms.web.server import allow_open_files

    settings = _settings(args)
    logs.configure(settings.log_level, settings.log_format)
    allow_open_files()
    # Until the loop takes the signals, SIGTERM must still let the mongod be stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if is_worker():
        return _run(_serve_until_signal(settings, MongodbInUse.from_supervisor(), None))
    with _mongodb(settings) as (uri, mongod):
        mongodb = _in_use(settings, uri, mongod)
        if settings.workers > 1:
            return _run(_supervise(settings, mongodb, mongod, args.given))
        return _run(_serve_until_signal(settings, mongodb, mongod))


def _in_use(settings: Settings, uri: str, mongod: EmbeddedMongod | None) -> MongodbInUse:
    if mongod is None:
        return MongodbInUse(uri, _require_replica_set(settings, uri))
    # A terminal is read by a person and forgotten, a log is kept where others read it.
    shown = mongod.analyst_uri if sys.stdout.isatty() else ""
    return MongodbInUse(uri, mongod.version, shown, str(settings.data_dir / ANALYST_URI_FILE))


def _require_replica_set(settings: Settings, uri: str) -> str:
    """The version of a MongoDB that csms can work with; empty if it is away."""
    try:
        return db.check_server(uri).version
    except NoReplicaSet as error:
        raise NoReplicaSet(f"MongoDB {error}") from None
    except PyMongoError:
        # Workers are started again and again until the database is there.
        if settings.workers == 1:
            raise
    return ""


async def _supervise(
    settings: Settings, mongodb: MongodbInUse, mongod: EmbeddedMongod | None, given: Sequence[str]
) -> int:
    from csms.workers import Supervisor

    await _check_schema(settings, mongodb.uri)
    async with _revived(mongod):
        await Supervisor(settings, mongodb, given).run()
    return 0


async def _check_schema(settings: Settings, uri: str) -> None:
    """See once that the database suits this csms: a worker that refuses would be started again."""
    from csms.repositories.schema import Schema

    client = db.connect(settings, uri)
    try:
        # Workers are started again and again until the database is there, and check it themselves.
        with suppress(DatabaseUnavailable):
            await Schema(client[settings.mongodb_database]).check()
    finally:
        client.close()


@asynccontextmanager
async def _revived(mongod: EmbeddedMongod | None) -> AsyncIterator[None]:
    """Have a private mongod that dies started again."""

    async def keep_alive() -> None:
        log = structlog.get_logger(__name__)
        pause = MONGOD_LOOKED_AT_EVERY
        while mongod is not None:
            await asyncio.sleep(pause)
            try:
                if await asyncio.to_thread(mongod.revive):
                    log.error("mongod_had_died", message="it was started again")
                pause = MONGOD_LOOKED_AT_EVERY
            except (CsmsError, OSError) as error:
                # A full disk, for one: it may be hours until there is room again.
                pause = min(pause * 2, MONGOD_TRIED_AT_LEAST_EVERY)
                log.error("mongod_not_started", error=str(error), again_in_seconds=pause)

    keeper = asyncio.create_task(keep_alive())
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _serve_until_signal(
    settings: Settings, mongodb: MongodbInUse, mongod: EmbeddedMongod | None
) -> int:
    from csms.app import CentralSystem
    from csms.worker_heartbeat import note_frozen, send_heartbeat
    from csms.workers import stop_with_supervisor

    share_among_workers()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stop_with_supervisor(stop)
    send_heartbeat()
    central_system = CentralSystem(settings, mongodb.uri)
    first_token = await central_system.start()
    note_frozen(central_system.alarms, settings.node_id)
    _collect_garbage_seldom()
    try:
        _say_where(settings, central_system.ports, mongodb, first_token)
        async with _revived(mongod):
            await stop.wait()
        print("csms is stopping ...", flush=True)
    finally:
        await central_system.stop()
    return 0


def _collect_garbage_seldom() -> None:
    """Look for cycles less often than Python does by itself: few are made, many objects live.

    What is loaded by now stays, so it is not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _say_where(
    settings: Settings, ports: Mapping[str, int], mongodb: MongodbInUse, first_token: str | None
) -> None:
    token_file = settings.data_dir / TOKEN_FILE
    lines = [f"csms {__version__} is running; Ctrl-C stops it.", *address_lines(settings, ports)]
    for number, line in enumerate(mongodb.banner(settings.mongodb_database, _today())):
        lines.append(f"  {'' if number else 'database':15}{line}")
    if first_token is not None:
        _write_secret(token_file, first_token)
    if first_token is not None and on_terminal():
        lines.append(f"  admin token    {first_token}   (shown once; kept in {token_file})")
    elif settings.admin_token is not None:
        lines.append("  admin token    the one in the setting admin_token")
    elif token_file.exists():
        # Where the output is kept, everybody who reads the log would have it.
        lines.append(f"  admin token    in {token_file}")
    else:
        lines.append("  admin token    make another with: csms token create NAME --role admin")
    print("\n".join(lines), flush=True)


def _today() -> date:
    return datetime.now(UTC).date()


def _write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    path.write_text(secret + "\n", encoding="utf-8")


def _check(args: argparse.Namespace) -> int:
    return _run(checks.run(_settings(args), production=args.production))


def _add_simulate(commands: Any) -> None:
    from csms.simulator import fleet

    parser = commands.add_parser("simulate", help="run simulated charge points")
    fleet.add_arguments(parser)
    parser.set_defaults(run=lambda args: _run(fleet.run_fleet(fleet.options_of(args))))


def _add_token(commands: Any) -> None:
    parser = commands.add_parser("token", help="make, list and revoke tokens of the admin REST")
    parser.set_defaults(run=lambda args: _on_database(args, _token_action))
    actions = parser.add_subparsers(required=True, dest="token_action", metavar="ACTION")
    create = actions.add_parser("create", help="make a token and show it, once")
    create.add_argument("name", help="who or what it is for")
    create.add_argument("--role", choices=[role.value for role in Role], default="viewer")
    create.add_argument(
        "--scope",
        action="append",
        choices=[scope.value for scope in Scope],
        help="in place of a role; may be given more than once",
    )
    create.add_argument(
        "--station", action="append", help="the only station it may see; may be given again"
    )
    create.add_argument("--days", type=int, help="how long it is good; default: until revoked")
    actions.add_parser("list", help="list the tokens")
    revoke = actions.add_parser("revoke", help="revoke a token")
    revoke.add_argument("id", help="as `csms token list` shows it")
    _add_where(*actions.choices.values())


def _add_user(commands: Any) -> None:
    parser = commands.add_parser("user", help="make, change, list and remove users of the pages")
    parser.set_defaults(run=lambda args: _on_database(args, users_command.run))
    _add_where(*users_command.add_arguments(parser).choices.values())


def _add_analyst_role(commands: Any) -> None:
    parser = commands.add_parser(
        "analyst-role", help="print a script for mongosh that makes a user who can only read"
    )
    parser.set_defaults(run=_print_analyst_role)
    parser.add_argument("--mongodb-database", dest="setting_mongodb_database", metavar="NAME")


def _print_analyst_role(args: argparse.Namespace) -> int:
    sys.stdout.write(analyst_role.script(_settings(args).mongodb_database))
    return 0


def _add_restore_key_hashes(commands: Any) -> None:
    name = "restore-key-hashes"
    parser = commands.add_parser(
        name, help="put authorization keys where version 0.2.0 finds them, before going back to it"
    )
    parser.set_defaults(run=lambda args: _on_database(args, _restore_key_hashes))
    _add_where(parser)


async def _restore_key_hashes(settings: Settings, uri: str, args: argparse.Namespace) -> int:
    from csms.repositories.credentials import StoredKeys

    client = db.connect(settings, uri)
    try:
        restored = await StoredKeys(client[settings.mongodb_database]).put_back()
    finally:
        client.close()
    print(f"{restored} restored; start no node of this version before those of version 0.2.0 run")
    return 0


def _add_where(*parsers: Any) -> None:
    """Add the options that say which database is meant."""
    for parser in parsers:
        for name in ("config", "data_dir", "secrets_dir"):
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, dest=f"setting_{name}", help="as of `csms serve`")


def _on_database(
    args: argparse.Namespace,
    action: Callable[[Settings, str, argparse.Namespace], Coroutine[Any, Any, int]],
) -> int:
    settings = _settings(args)
    # A server that runs on this data directory lends its mongod.
    running = None if settings.mongodb_uri else running_uri(settings.data_dir)
    if running is not None:
        settings = settings.model_copy(update={"mongodb_uri": SecretStr(running)})
    with _mongodb(settings) as (uri, _):
        return _run(action(settings, uri, args))


async def _token_action(settings: Settings, uri: str, args: argparse.Namespace) -> int:
    from csms.repositories.api_tokens import ApiTokens, Limits
    from csms.repositories.audit import Audit, on_command_line

    def now() -> datetime:
        return datetime.now(UTC)

    client = db.connect(settings, uri)
    database = client[settings.mongodb_database]
    tokens, audit = ApiTokens(database, now), Audit(database)
    try:
        if args.token_action == "create":
            scopes = frozenset(map(Scope, args.scope)) if args.scope else None
            record, token = await tokens.create(
                args.name,
                highest_role(scopes) if scopes else Role(args.role),
                created_by="csms token",
                expires_at=now() + timedelta(days=args.days) if args.days else None,
                limits=Limits(scopes, frozenset(map(nfc, args.station)) if args.station else None),
            )
            subject = f"{args.name} ({record['_id']}, {record['role']})"
            await audit.record(on_command_line("csms token create", subject), now())
            print(f"{token}\n(id {record['_id']}, role {record['role']}; it is not shown again)")
        elif args.token_action == "revoke":
            await tokens.revoke(args.id)
            await audit.record(on_command_line("csms token revoke", args.id), now())
            print("revoked")
        else:
            for record in await tokens.list():
                print(f"{record['_id']}  {record['role']:8}  {record['name']}")
    finally:
        client.close()
    return 0
