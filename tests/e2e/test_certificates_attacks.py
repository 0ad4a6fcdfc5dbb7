"""Attacks on identities and certificates: somebody else's names, certificates, and old ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from cryptography import x509
from tornado.httpclient import HTTPClientError
from tornado.ioloop import IOLoop

from csms import cli
from csms.app import CentralSystem
from csms.certificates.authority import CRL_FILE, KEY_FILE, LocalAuthority
from csms.config import Settings
from csms.domain.authorization_key import hash_key
from csms.domain.certificate import fingerprint
from csms.domain.installed_certificate import CertificateUse, document
from csms.domain.text import fold_text
from csms.errors import DatabaseUnavailable
from csms.tls import authority_folder
from tests.conftest import DATABASE
from tests.support.certificates import Certificate, refusal, secure, sign, with_tls
from tests.support.charge_point import ScriptedChargePoint
from tests.support.system import System, eventually

pytestmark = pytest.mark.gen_test

KEY, NEW_KEY = "sixteen bytes or more", "another sixteen bytes"
ENDED = (1008, "Certificate not valid any more")


@pytest.fixture
def company(tmp_path: Path) -> trustme.CA:
    """Another authority, whose certificates are trusted too."""
    company = trustme.CA()
    company.cert_pem.write_to_path(tmp_path / "company.pem")
    return company


@pytest.fixture
def settings(settings: Settings, company: trustme.CA, tmp_path: Path) -> Settings:
    """TLS, an authority of our own, and that of a company."""
    settings = with_tls(settings, tmp_path)
    return settings.model_copy(update={"tls_client_ca": tmp_path / "company.pem"})


def of_company(company: trustme.CA, folder: Path, name: str) -> dict[str, str]:
    """A client certificate of the company, as files."""
    file = folder / f"company-{fold_text(name)}-{len(list(folder.iterdir()))}.pem"
    issued = company.issue_cert(common_name=name)
    issued.private_key_and_cert_chain_pem.write_to_path(file)
    return {"client_cert": str(file), "client_key": str(file)}


async def known(system: System, identity: str, serial: str, **fields: Any) -> ScriptedChargePoint:
    """Whitelist a charge point, and have it boot over TLS with its serial."""
    await system.whitelist(identity, serialNumber=serial, **fields)
    return await booted(system, identity, serial, password=fields.get("authorizationKey"))


async def booted(system: System, identity: str, serial: str, **options: Any) -> ScriptedChargePoint:
    charge_point = await secure(system, identity, **options)
    answer = await charge_point.boot(chargePointSerialNumber=serial)
    assert answer["status"] == "Accepted"
    return charge_point


async def refused(system: System, identity: str = "CP1", **options: Any) -> None:
    with pytest.raises(HTTPClientError, match="401"):
        await secure(system, identity, **options)


async def patch(system: System, record_id: str = "CP1", **fields: Any) -> tuple[int, Any]:
    return await system.rest("PATCH", f"/admin/charge-points/{record_id}", fields)


async def listed(system: System, query: str = "chargePointId=CP1") -> list[dict[str, Any]]:
    status, page = await system.rest("GET", f"/admin/certificates?{query}")
    assert status == 200, page
    return list(page["items"])


async def states(system: System, charge_point_id: str = "CP1") -> list[str]:
    """The states of a charge point's certificates, the newest first."""
    return [one["state"] for one in await listed(system, f"chargePointId={charge_point_id}")]


async def revoke(system: System, certificate: Certificate) -> dict[str, Any]:
    [one] = [c for c in await listed(system, "") if c["fingerprint"] == certificate.fingerprint]
    path = f"/admin/certificates/{quote(one['id'], safe='')}/revoke"
    status, record = await system.rest("POST", path)
    assert status == 200, record
    return dict(record)


class TestNames:
    """A visitor, or a slip of the pen, that takes another record's name."""

    async def waiting(self, system: System) -> None:
        """A victim, and a record that waits for its serial."""
        await system.whitelist("VICTIM", serialNumber="SN-VICTIM")
        await system.whitelist(None, id="WAITS", serialNumber="SN-WAITS")

    @pytest.mark.parametrize("identity", ["SN-VICTIM", "sn-victim", "victim", " Victim", "VICTIM "])
    async def test_a_visitor_cannot_bind_anothers_name(self, system: System, identity: str) -> None:
        await self.waiting(system)
        charge_point = await system.connect(identity)
        answer = await charge_point.boot(chargePointSerialNumber="SN-WAITS")
        assert answer["status"] == "Rejected"
        assert await charge_point.closed() == (1008, "Not whitelisted")
        assert (await system.record("WAITS"))["chargePointIdentity"] is None

    async def test_its_own_serial_is_an_ordinary_identity(self, system: System) -> None:
        await self.waiting(system)
        charge_point = await system.connect("sn-waits")
        answer = await charge_point.boot(chargePointSerialNumber="SN-WAITS")
        assert answer["status"] == "Accepted"
        record = await system.record("WAITS")
        assert (record["chargePointIdentity"], record["namesFolded"]) == ("sn-waits", ["sn-waits"])

    @pytest.mark.parametrize(
        ("fields", "at_fault"),
        [
            ({"chargePointIdentity": "sn-victim"}, "chargePointIdentity"),
            ({"serialNumber": "Victim"}, "serialNumber"),
            ({"serialNumber": "sn-VICTIM"}, "serialNumber"),
            ({"chargePointIdentity": "victiM"}, "chargePointIdentity"),
        ],
    )
    async def test_rest_refuses_it(
        self, system: System, fields: dict[str, str], at_fault: str
    ) -> None:
        await self.waiting(system)
        status, problem = await system.rest("POST", "/admin/charge-points", fields)
        assert status == 409
        [error] = problem["errors"]
        assert error["field"] == at_fault and "the record VICTIM" in error["message"]
        status, problem = await patch(system, "WAITS", **fields)
        assert (status, problem["errors"]) == (409, [error])

    @pytest.mark.parametrize("dry_run", ["true", "false"])
    async def test_an_import_refuses_it(self, system: System, dry_run: str) -> None:
        await self.waiting(system)
        rows = (
            "id,chargePointIdentity,serialNumber",
            "A,sn-victim,SN-A",
            "B,CP-B,Victim",
            "C,CP-C,CP-C",
            "D,sn-d,SN-E",
            "E,SN-F,cp-c",
            "WAITS,VICTIM-2,SN-WAITS",
            "F,CP-F,victim-2",
        )
        query = f"dryRun={dry_run}&update=true"
        response = await system.fetch(
            "POST",
            f"/admin/charge-points/import?{query}",
            "\n".join(rows).encode(),
            headers={"Content-Type": "text/csv"},
        )
        result = {row["id"]: row for row in json.loads(response.body)["rows"]}
        assert {name: row["result"] for name, row in result.items()} == {
            "A": "rejected", "B": "rejected", "C": "created", "D": "created", "E": "rejected",
            "WAITS": "changed", "F": "rejected",
        }  # fmt: skip
        for name, field, other in (
            ("A", "chargePointIdentity", "the record VICTIM as its serialNumber SN-VICTIM"),
            ("B", "serialNumber", "the record VICTIM as its chargePointIdentity VICTIM"),
            ("E", "serialNumber", "row 4"),
            ("F", "serialNumber", "row 7"),
        ):
            [error] = result[name]["errors"]
            assert error["field"] == field and other in error["message"], error

    async def test_a_collision_of_before_keeps_working_and_is_shown(
        self, system: System, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        await self.waiting(system)
        # Version 0.2.0 has bound it, and knows no names.
        await system.database.charge_points.update_one(
            {"_id": "WAITS"}, {"$set": {"chargePointIdentity": "sn-Victim"}}
        )
        charge_point = await system.connect("sn-Victim")
        answer = await charge_point.boot(chargePointSerialNumber="SN-WAITS")
        assert answer["status"] == "Accepted"
        fields = {"chargePointIdentity": "sn-Victim", "name": "as before"}
        assert (await patch(system, "WAITS", **fields))[0] == 200
        assert (await patch(system, "WAITS", chargePointIdentity="SN-victim"))[0] == 409
        await charge_point.call("Heartbeat", {})
        monkeypatch.setenv("CSMS_MONGODB_URI", mongodb_uri)
        status = await asyncio.to_thread(cli.main, ["check", "--mongodb-database", DATABASE])
        told = capsys.readouterr().out
        assert status == 0
        assert "VICTIM (serialNumber) and WAITS (chargePointIdentity)" in told
        # When the other has gone, the name is its own.
        assert (await system.rest("DELETE", "/admin/charge-points/VICTIM"))[0] == 204
        status, _ = await system.rest("POST", "/admin/charge-points", {"serialNumber": "SN-VICTIM"})
        assert status == 409


class TestIssuing:
    """Who is given a certificate, and for which name."""

    async def test_a_bound_identity_is_certified_when_ops_confirm_it(self, system: System) -> None:
        await system.whitelist(None, id="WAITS", serialNumber="SN-WAITS")
        charge_point = await booted(system, "CHOSEN", "SN-WAITS")
        _, record = await system.rest("GET", "/admin/charge-points/WAITS")
        assert record["identitySource"] == "bound"
        assert await refusal(charge_point, "CHOSEN") == "Rejected"
        await sign(charge_point, "SN-WAITS")
        status, record = await patch(system, "WAITS", chargePointIdentity="CHOSEN")
        assert (status, record["identitySource"]) == (200, None)
        await sign(charge_point, "CHOSEN")
        assert await states(system, "WAITS") == ["good", "good"]


class TestTied:
    """A certificate is good for one record alone."""

    async def test_it_opens_no_other_record(self, system: System, tmp_path: Path) -> None:
        charge_point = await known(system, "CP1", "SN-1")
        files = (await sign(charge_point, "SN-1")).files(tmp_path)
        await system.whitelist("CP2", serialNumber="SN-2", securityProfile=3)
        await system.whitelist("BARE", serialNumber="SN-3")
        for identity in ("CP2", "BARE"):
            await refused(system, identity, **files)
        _, page = await system.rest("GET", "/admin/rejected-connections")
        assert {item["reason"] for item in page["items"]} == {"Certificate not valid"}
        assert (await patch(system, securityProfile=3, keepCertificates=True))[0] == 200
        await (await secure(system, **files)).call("Heartbeat", {})

    async def test_not_even_where_an_old_record_has_its_name(
        self, system: System, tmp_path: Path
    ) -> None:
        """What version 0.2.0 gave to who had bound another's serial as its identity."""
        await system.whitelist("VICTIM", serialNumber="SN-VICTIM", securityProfile=3)
        charge_point = await known(system, "CP1", "SN-1")
        certificate = Certificate("SN-VICTIM")
        authority = system.central_system.services.deps.authority
        assert authority is not None
        certificate.chain = authority.sign(certificate.request, 5)
        unsent = asyncio.ensure_future(
            system.rest(
                "POST",
                "/admin/charge-points/CP1/commands",
                {
                    "action": "CertificateSigned",
                    "payload": {"certificateChain": certificate.chain},
                },
            )
        )
        unique_id, _ = await charge_point.expect("CertificateSigned")
        charge_point.reply(unique_id, {"status": "Accepted"})
        assert (await unsent)[0] == 200
        await refused(system, "VICTIM", **certificate.files(tmp_path))
        await charge_point.close()
        assert (await patch(system, securityProfile=3, keepCertificates=True))[0] == 200
        # As version 0.2.0 has stored it, it is the charge point's own.
        await (await secure(system, **certificate.files(tmp_path))).call("Heartbeat", {})

    async def test_one_of_our_authority_that_is_on_no_record(
        self, system: System, tmp_path: Path
    ) -> None:
        await system.whitelist(securityProfile=3)
        certificate = Certificate("CP1")
        authority = LocalAuthority.load(authority_folder(system.central_system.settings))
        assert authority is not None
        certificate.chain = authority.sign(certificate.request, 5)
        await refused(system, **certificate.files(tmp_path))

    async def test_of_a_company_it_goes_by_exact_name(
        self, system: System, company: trustme.CA, tmp_path: Path
    ) -> None:
        await system.whitelist("CP-Ä", serialNumber="SN-1", securityProfile=3)
        for name in ("sn-1", "SN-1 ", " SN-1", "cp-ä", "SN-11"):
            await refused(system, "CP-Ä", **of_company(company, tmp_path, name))
        for name in ("SN-1", "CP-Ä"):
            files = of_company(company, tmp_path, name)
            charge_point = await secure(system, "CP-Ä", **files)
            answer = await charge_point.boot(chargePointSerialNumber="SN-1")
            assert answer["status"] == "Accepted"
            await charge_point.close()

    async def test_a_deleted_charge_points_certificate_is_not_its_successors(
        self, system: System, tmp_path: Path
    ) -> None:
        charge_point = await known(system, "CP1", "SN-1")
        files = (await sign(charge_point, "SN-1")).files(tmp_path)
        assert (await system.rest("DELETE", "/admin/charge-points/CP1"))[0] == 204
        await system.whitelist("CP1", serialNumber="SN-1", securityProfile=3)
        await refused(system, **files)


class TestTakenBack:
    """Certificates end, and the sockets that stand on them."""

    async def with_certificate(
        self, system: System, tmp_path: Path, **fields: Any
    ) -> tuple[Certificate, dict[str, str], ScriptedChargePoint]:
        """A charge point that is connected with a certificate, which its record asks for."""
        charge_point = await known(system, "CP1", "SN-1", **fields)
        certificate = await sign(charge_point, "SN-1")
        await charge_point.close()
        assert (await patch(system, securityProfile=3, keepCertificates=True))[0] == 200
        files = certificate.files(tmp_path)
        return certificate, files, await booted(system, "CP1", "SN-1", **files)

    async def test_a_revoked_one_closes_its_socket_and_opens_none(
        self, system: System, tmp_path: Path
    ) -> None:
        certificate, files, charge_point = await self.with_certificate(system, tmp_path)
        record = await revoke(system, certificate)
        assert (record["state"], record["endedBecause"]) == ("revoked", "revoked")
        assert await charge_point.closed() == ENDED
        await refused(system, **files)
        assert len(await listed(system, "state=revoked")) == 1
        assert await listed(system, "state=good") == []
        # Not even where nothing is asked for; others may come in there as before.
        assert (await patch(system, securityProfile=None))[0] == 200
        await refused(system, **files)
        await (await secure(system)).call("Heartbeat", {})
        # Sent and answered once more, it stays what it is.
        record = await revoke(system, certificate)
        assert record["state"] == "revoked"

    async def test_one_that_is_revoked_while_its_socket_opens(
        self, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate, files, charge_point = await self.with_certificate(system, tmp_path)
        await charge_point.close()
        held = system.central_system.held
        claim = held.claim

        async def after_revocation(*arguments: Any) -> bool:
            # It was judged already, and found good.
            await revoke(system, certificate)
            return await claim(*arguments)

        monkeypatch.setattr(held, "claim", after_revocation)
        charge_point = await secure(system, **files)
        assert (await charge_point.closed())[0] == 1008
        assert (await system.record())["ocppSessionId"] is None

    async def test_what_version_0_2_0_has_stored_is_good_and_ends(
        self, system: System, tmp_path: Path
    ) -> None:
        _, files, charge_point = await self.with_certificate(system, tmp_path)
        await charge_point.close()
        unknown = {"issuedHere": "", "firstUsedAt": ""}
        await system.database.certificates.update_one({}, {"$unset": unknown})
        await (await secure(system, **files)).close()
        assert (await patch(system, authorizationKey=NEW_KEY))[0] == 200
        await refused(system, **files)

    async def test_a_key_that_is_moved_while_it_is_connected_is_the_same_key(
        self, system: System
    ) -> None:
        await system.whitelist(authorizationKey=KEY)
        deps = system.central_system.services.deps
        # As a node of version 0.2.0 has written it, that ran beside this one.
        stored = {"authorizationKeyHash": hash_key(KEY)}
        await system.database.charge_points.update_one({"_id": "CP1"}, {"$set": stored})
        charge_point = await secure(system, password=KEY)
        await charge_point.boot()
        charge_point.configure({})
        assert await deps.stored_keys.move(system.central_system.settings.node_id, deps.clock())
        assert (await system.record())["authorizationKeyHash"] != stored["authorizationKeyHash"]
        await sign(charge_point, "CP1")
        assert (await patch(system, authorizationKey=NEW_KEY))[0] == 200
        assert await refusal(charge_point, "CP1") == "Rejected"

    async def test_what_is_sent_once_more_stays_revoked(
        self, system: System, tmp_path: Path
    ) -> None:
        certificate, files, charge_point = await self.with_certificate(system, tmp_path)
        await revoke(system, certificate)
        await charge_point.closed()
        deps = system.central_system.services.deps
        use = CertificateUse.CHARGE_POINT
        again = document("CP1", use, certificate.chain, "Accepted", deps.clock())
        await deps.certificates.put(again)
        await refused(system, **files)
        assert await states(system) == ["revoked"]

    async def test_only_charge_points_own_are_revoked(self, system: System) -> None:
        status, _ = await system.rest("POST", "/admin/certificates/none/revoke")
        assert status == 404
        root = {"_id": "r", "chargePointId": "CP1", "use": "ManufacturerRootCertificate"}
        await system.database.certificates.insert_one({**root, "fingerprint": "00"})
        status, problem = await system.rest("POST", "/admin/certificates/r/revoke")
        assert (status, problem["errors"][0]["field"]) == (422, "id")

    async def test_a_viewer_revokes_nothing(self, system: System) -> None:
        body = {"name": "v", "role": "viewer"}
        _, made = await system.rest("POST", "/admin/tokens", body)
        status, _ = await system.rest("POST", "/admin/certificates/x/revoke", token=made["token"])
        assert status == 403

    async def test_the_old_one_is_good_until_the_new_one_is_used(
        self, system: System, tmp_path: Path
    ) -> None:
        _, old, charge_point = await self.with_certificate(system, tmp_path)
        new = (await sign(charge_point, "SN-1")).files(tmp_path)
        await charge_point.close()
        await (await secure(system, **old)).close()
        assert await states(system) == ["good", "good"]
        await (await secure(system, **new)).close()
        assert await states(system) == ["good", "superseded"]
        await refused(system, **old)
        await (await secure(system, **new)).call("Heartbeat", {})

    @pytest.mark.parametrize(
        ("fields", "because"),
        [
            ({"authorizationKey": NEW_KEY}, "authorizationKey"),
            ({"chargePointIdentity": "CP1-NEW"}, "identity"),
            ({"serialNumber": "SN-2"}, "identity"),
        ],
    )
    async def test_a_change_ends_what_was_issued_before(
        self, system: System, tmp_path: Path, fields: dict[str, str], because: str
    ) -> None:
        _, files, charge_point = await self.with_certificate(system, tmp_path)
        assert (await patch(system, **fields))[0] == 200
        code, reason = await charge_point.closed()
        assert code == 1008 and reason in (ENDED[1], "Not whitelisted")
        await refused(system, fields.get("chargePointIdentity", "CP1"), **files)
        [one] = await listed(system)
        assert (one["state"], one["endedBecause"]) == ("ended", because)

    @pytest.mark.parametrize("way", ["patch", "import"])
    async def test_it_ends_with_the_change_though_the_database_fails_behind_it(
        self, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        _, files, charge_point = await self.with_certificate(system, tmp_path)
        await charge_point.close()
        self.break_ending(system, monkeypatch, after=0)
        if way == "patch":
            assert (await patch(system, chargePointIdentity="CP1-NEW"))[0] == 503
        else:
            rows = "id,chargePointIdentity\nCP1,CP1-NEW\n"
            headers = {"Content-Type": "text/csv"}
            path = "/admin/charge-points/import?update=true"
            await system.fetch("POST", path, rows, headers=headers)
        assert (await system.record())["chargePointIdentity"] == "CP1-NEW"
        await refused(system, "CP1-NEW", **files)

    async def test_a_deleted_one_opens_no_record_made_anew_though_the_database_fails(
        self, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, files, charge_point = await self.with_certificate(system, tmp_path)
        await charge_point.close()
        self.break_ending(system, monkeypatch, after=1)
        status, _ = await system.rest("DELETE", "/admin/charge-points/CP1")
        assert status == 503
        await system.whitelist(securityProfile=3)
        await refused(system, **files)

    def break_ending(self, system: System, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
        """Have the database fail when certificates are to be ended, after it did so many times."""
        certificates, times = system.central_system.services.deps.certificates, count()
        end = certificates.end

        async def fail(*args: Any, **options: Any) -> int:
            if next(times) >= after:
                raise DatabaseUnavailable
            return await end(*args, **options)

        monkeypatch.setattr(certificates, "end", fail)

    async def test_a_raised_profile_ends_it(self, system: System, tmp_path: Path) -> None:
        charge_point = await known(system, "CP1", "SN-1")
        files = (await sign(charge_point, "SN-1")).files(tmp_path)
        assert (await patch(system, securityProfile=3))[0] == 200
        await refused(system, **files)

    @pytest.mark.parametrize(
        "fields",
        [
            {"authorizationKey": NEW_KEY, "keepCertificates": True},
            {"serialNumber": "sn-1", "name": "new"},
            {"authorizationKey": None, "isWhitelisted": True},
            {"securityProfile": 3, "chargePointIdentity": "CP1"},
        ],
    )
    async def test_it_is_kept_on_purpose_or_where_nothing_changes(
        self, system: System, tmp_path: Path, fields: dict[str, Any]
    ) -> None:
        _, files, charge_point = await self.with_certificate(system, tmp_path)
        assert (await patch(system, **fields))[0] == 200
        await charge_point.call("Heartbeat", {})
        await charge_point.close()
        await (await secure(system, **files)).call("Heartbeat", {})
        assert await states(system) == ["good"]

    @pytest.mark.parametrize(("keep", "state"), [("false", "ended"), ("true", "good")])
    async def test_an_import_ends_it_too(
        self, system: System, tmp_path: Path, keep: str, state: str
    ) -> None:
        await self.with_certificate(system, tmp_path)
        rows = f"id,authorizationKey\nCP1,{NEW_KEY}".encode()
        path = f"/admin/charge-points/import?update=true&keepCertificates={keep}"
        response = await system.fetch("POST", path, rows, headers={"Content-Type": "text/csv"})
        assert response.code == 200
        assert await states(system) == [state]

    async def test_a_password_lets_in_whose_certificate_has_ended(
        self, system: System, tmp_path: Path
    ) -> None:
        """A TLS client shows what it has, whether it is asked for or not."""
        charge_point = await known(system, "CP1", "SN-1", authorizationKey=KEY)
        files = (await sign(charge_point, "SN-1")).files(tmp_path)
        assert (await patch(system, authorizationKey=NEW_KEY))[0] == 200
        await refused(system, **files)
        await refused(system, password=KEY, **files)
        charge_point = await booted(system, "CP1", "SN-1", password=NEW_KEY, **files)
        await sign(charge_point, "SN-1")

    async def test_the_flow_from_profile_2_to_3(self, system: System, tmp_path: Path) -> None:
        """Security Whitepaper: a certificate first, then the profile, both over the socket."""
        charge_point = await known(system, "CP1", "SN-1", authorizationKey=KEY, securityProfile=2)
        stolen = (await sign(charge_point, "SN-1")).files(tmp_path)
        files = (await sign(charge_point, "SN-1")).files(tmp_path)
        charge_point.answers["ChangeConfiguration"] = lambda _: {"status": "Accepted"}
        asked = {"key": "SecurityProfile", "value": "3"}
        body = {"action": "ChangeConfiguration", "payload": asked}
        status, _ = await system.rest("POST", "/admin/charge-points/CP1/commands", body)
        assert status == 200
        await charge_point.close()
        await (await secure(system, **files)).close()
        _, record = await system.rest("GET", "/admin/charge-points/CP1")
        assert record["securityProfile"] == 3
        # What was issued before the one that it came with has ended.
        assert await states(system) == ["good", "ended"]
        await refused(system, **stolen)
        await refused(system, password=KEY)

    async def test_a_new_key_that_is_used_ends_what_was_issued_before(
        self, system: System, tmp_path: Path
    ) -> None:
        charge_point = await known(system, "CP1", "SN-1", authorizationKey=KEY)
        stolen = (await sign(charge_point, "SN-1")).files(tmp_path)
        charge_point.answers["ChangeConfiguration"] = lambda _: {"status": "Accepted"}
        body = {
            "action": "ChangeConfiguration",
            "payload": {"key": "AuthorizationKey", "value": NEW_KEY},
        }
        status, _ = await system.rest("POST", "/admin/charge-points/CP1/commands", body)
        assert status == 200 and await states(system) == ["good"]
        await (await secure(system, password=NEW_KEY)).close()
        assert await states(system) == ["ended"]
        await refused(system, **stolen)


class TestOnAnotherNode:
    """What one node takes back, another does not let in."""

    @pytest.fixture
    def other(self, io_loop: IOLoop, system: System, mongodb_uri: str) -> Iterator[System]:
        settings = system.central_system.settings
        own = settings.model_copy(update={"node_id": "other"})
        central_system = CentralSystem(own, mongodb_uri)

        async def start() -> System:
            await central_system.start()
            for node in (system.central_system, central_system):
                node.bus.follow()
                await node.bus._opened.wait()
            return System(central_system)

        other = io_loop.run_sync(start)
        yield other
        io_loop.run_sync(other.disconnect_all)
        io_loop.run_sync(central_system.stop)

    async def test_the_socket_is_closed_there(
        self, system: System, other: System, tmp_path: Path
    ) -> None:
        charge_point = await known(system, "CP1", "SN-1")
        certificate = await sign(charge_point, "SN-1")
        await charge_point.close()
        files = certificate.files(tmp_path)
        charge_point = await booted(other, "CP1", "SN-1", **files)
        await revoke(system, certificate)
        assert await charge_point.closed() == ENDED
        await refused(other, **files)


class TestRevocationList:
    """What proxies are told."""

    @staticmethod
    def read(pem: bytes) -> x509.CertificateRevocationList:
        return x509.load_pem_x509_crl(pem)

    async def fetched(self, system: System) -> x509.CertificateRevocationList:
        async def fetch() -> Any:
            return await system.fetch("GET", "/ca/crl.pem", token=None)

        response = await eventually(fetch, lambda one: one.code == 200)
        return self.read(response.body)

    async def test_it_names_what_was_taken_back(self, system: System, tmp_path: Path) -> None:
        first = await self.fetched(system)
        assert list(first) == []
        charge_point = await known(system, "CP1", "SN-1")
        certificate = await sign(charge_point, "SN-1")
        await sign(charge_point, "SN-1")
        await revoke(system, certificate)
        crl = await eventually(lambda: self.fetched(system), lambda crl: len(crl) == 1)
        assert crl[0].serial_number == certificate.signed.serial_number
        folder = authority_folder(system.central_system.settings)
        assert self.read((folder / CRL_FILE).read_bytes()) == crl
        authority = LocalAuthority.load(folder)
        assert authority is not None
        assert crl.is_signature_valid(authority.certificate.public_key())  # type: ignore[arg-type]
        assert crl.next_update_utc is not None and crl.next_update_utc > crl.last_update_utc
        numbers = [c.extensions.get_extension_for_class(x509.CRLNumber) for c in (first, crl)]
        assert numbers[0].value.crl_number < numbers[1].value.crl_number
        assert "PRIVATE" not in (folder / CRL_FILE).read_text()
        assert (folder / KEY_FILE).stat().st_mode & 0o077 == 0

    async def test_it_is_renewed_before_it_is_too_old(self, system: System) -> None:
        crl = await self.fetched(system)
        keeper = system.central_system.revocation_list
        assert keeper._signed_at is not None
        keeper._signed_at -= timedelta(days=2)
        keeper.look()
        renewed = await eventually(lambda: self.fetched(system), lambda one: one != crl)
        assert renewed.next_update_utc is not None

    async def test_a_fingerprint_is_that_of_the_der(self, system: System) -> None:
        charge_point = await known(system, "CP1", "SN-1")
        certificate = await sign(charge_point, "SN-1")
        [one] = await listed(system)
        assert one["fingerprint"] == fingerprint(certificate.signed)
        assert one["notAfter"] is not None and one["firstUsedAt"] is None
