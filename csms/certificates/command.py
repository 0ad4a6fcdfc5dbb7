"""`csms ca`: make an authority, back it up, and make a certificate for the server."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from csms.certificates.authority import (
    CERTIFICATE_FILE,
    AuthorityError,
    LocalAuthority,
    write_secret,
)
from csms.certificates.backup import back_up, restore
from csms.config import load_settings
from csms.tls import authority_folder


def add_arguments(commands: Any) -> None:
    """Add `ca` to the commands of the command line."""
    parser = commands.add_parser("ca", help="a certificate authority for those who have none")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    init = actions.add_parser("init", help="make the authority's root certificate and key")
    init.add_argument("--common-name", default="csms local authority")
    init.add_argument("--days", type=int, default=7300)
    init.set_defaults(run=_init)
    server = actions.add_parser("issue-server", help="make a certificate for tls_cert and tls_key")
    server.add_argument("host", nargs="+", help="host name or address that charge points use")
    server.add_argument("--days", type=int, default=825)
    server.set_defaults(run=_issue_server)
    backup = actions.add_parser("backup", help="write the authority into an encrypted file")
    backup.set_defaults(run=_backup)
    restored = actions.add_parser("restore", help="bring the authority back from such a file")
    restored.set_defaults(run=_restore)
    for action in (backup, restored):
        action.add_argument("file", type=Path, help="PKCS #12, as openssl reads it too")
        action.add_argument(
            "--passphrase-file", type=Path, help="its first line is the passphrase; else asked for"
        )
    for action in actions.choices.values():
        for option in ("--config", "--data-dir"):
            action.add_argument(option, help="as of `csms serve`")


def _init(args: argparse.Namespace) -> int:
    folder = _folder(args)
    LocalAuthority.create(folder, args.common_name, args.days)
    print(f"made {folder / CERTIFICATE_FILE}: install it in charge points as")
    print("CentralSystemRootCertificate. The key beside it signs their certificates.")
    return 0


def _issue_server(args: argparse.Namespace) -> int:
    folder = _folder(args)
    authority = LocalAuthority.load(folder)
    if authority is None:
        raise AuthorityError("there is no authority yet: run `csms ca init` first")
    certificate, key = authority.issue_server(args.host, args.days)
    certificate_file, key_file = folder / "server-cert.pem", folder / "server-key.pem"
    key_file.unlink(missing_ok=True)
    write_secret(key_file, key)
    certificate_file.write_bytes(certificate)
    print(f"csms serve --tls-cert {certificate_file} --tls-key {key_file}")
    return 0


def _backup(args: argparse.Namespace) -> int:
    folder = _folder(args)
    back_up(folder, args.file, _passphrase(args, twice=True))
    print(f"made {args.file}: it holds the key of {folder / CERTIFICATE_FILE}, encrypted. Keep it")
    print("away from this machine, and its passphrase away from it. `csms ca restore` reads it.")
    return 0


def _restore(args: argparse.Namespace) -> int:
    folder = _folder(args)
    restore(folder, args.file, _passphrase(args, twice=False))
    print(f"restored {folder / CERTIFICATE_FILE} and its key")
    return 0


def _passphrase(args: argparse.Namespace, *, twice: bool) -> str:
    if args.passphrase_file is not None:
        return str(args.passphrase_file.read_text(encoding="utf-8").partition("\n")[0])
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    passphrase = getpass.getpass("Passphrase: ")
    if twice and passphrase != getpass.getpass("Once more: "):
        raise AuthorityError("the two differ; nothing was written")
    return passphrase


def _folder(args: argparse.Namespace) -> Path:
    return authority_folder(load_settings(config=args.config, data_dir=args.data_dir))
