"""`csms ca`: make an authority, and a certificate for the server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from csms.certificates.authority import (
    CERTIFICATE_FILE,
    AuthorityError,
    LocalAuthority,
    write_secret,
)
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
    for action in actions.choices.values():
        action.add_argument("--data-dir", help="as of `csms serve`")


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


def _folder(args: argparse.Namespace) -> Path:
    return authority_folder(load_settings(data_dir=args.data_dir))
