"""The locks: every package that setup.cfg asks for, in a version that fits, by its hashes."""

from __future__ import annotations

import configparser
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = {
    "requirements.lock": "install_requires",
    "requirements-embedded.lock": "embedded",
    "requirements-release.lock": "release",
}


def asked_for(section: str) -> list[Requirement]:
    """The requirements in setup.cfg, of csms itself or of an extra."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    text = extras[section] if section in extras else config["options"][section]
    lines = (line.strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked(file: str) -> dict[str, tuple[str, list[str]]]:
    """The version and the hashes of each package in a lock."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pinned, *hashes = re.split(r"\s+--hash=", line)
        requirement = Requirement(pinned)
        [pin] = requirement.specifier
        assert pin.operator == "==", line
        found[canonicalize_name(requirement.name)] = (pin.version, hashes)
    return found


@pytest.mark.parametrize(("file", "section"), FILES.items())
def test_what_is_asked_for_is_locked_in_a_version_that_fits(file: str, section: str) -> None:
    lock = locked(file)
    for requirement in asked_for(section):
        assert canonicalize_name(requirement.name) in lock, f"{requirement}: run scripts/lock"
        version, _ = lock[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: run scripts/lock"


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_known_by_its_hash(file: str) -> None:
    for name, (_, hashes) in locked(file).items():
        assert hashes, name
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each.strip()) for each in hashes), name


def test_what_the_packages_need_is_locked_too() -> None:
    lock = locked("requirements.lock") | locked("requirements-embedded.lock")
    for name in lock:
        try:
            needed = map(Requirement, metadata.requires(name) or [])
        except metadata.PackageNotFoundError:
            # It is for another system than this.
            continue
        for requirement in needed:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in lock, f"{name} needs {requirement}"


def test_no_index_is_named() -> None:
    for file in FILES:
        assert "--index-url" not in (ROOT / file).read_text(encoding="utf-8")
