"""kubeconfig files as kubectl reads them: several are one, what stands first wins, paths are relative to their file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cbbot_operator.api_access import NoAccess

__all__ = ["Kubeconfig", "KubeconfigPart", "kubeconfig_files", "read_kubeconfig"]


@dataclass(frozen=True, slots=True)
class KubeconfigPart:
    """A cluster or a user: its fields and the folder that its paths start from."""

    what: str
    fields: Mapping[str, Any]
    folder: Path

    def text(self, field: str) -> str | None:
        """Raises: NoAccess: there is something else than text."""
        value = self.fields.get(field)
        if value is None or isinstance(value, str):
            return value or None
        raise NoAccess(f"{self.what}: {field} is not text")

    def path(self, field: str) -> Path | None:
        """The file that a field names."""
        value = self.text(field)
        return self.folder / Path(value).expanduser() if value else None

    def content(self, field: str) -> bytes | None:
        """What stands in ``FIELD-data``, decoded, else in the file that the field names.

        Raises:
            NoAccess: neither can be read.
        """
        encoded = self.text(f"{field}-data")
        path = self.path(field)
        try:
            if encoded:
                return base64.b64decode(encoded, validate=True)
            return path.read_bytes() if path is not None else None
        except (OSError, binascii.Error) as error:
            raise NoAccess(f"{self.what}: {field}: {error}") from error


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The current context."""

    cluster: KubeconfigPart
    user: KubeconfigPart
    namespace: str | None


def kubeconfig_files(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Those that are there, of ``KUBECONFIG``'s or the usual place."""
    named = [Path(path).expanduser() for path in environment.get("KUBECONFIG", "").split(":") if path.strip()]
    return [path for path in named or [home / ".kube" / "config"] if path.is_file()]


def read_kubeconfig(files: Iterable[Path]) -> Kubeconfig:
    """Read the current context.

    Raises:
        NoAccess: there is none, or a file cannot be read.
    """
    current = ""
    found: dict[tuple[str, str], tuple[Mapping[str, Any], Path]] = {}
    for path in files:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            current = current or str(document.get("current-context") or "")
            for section, field in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
                for item in document.get(section) or ():
                    found.setdefault((field, item["name"]), (item.get(field) or {}, path.parent))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise NoAccess(f"no way to the cluster: {path} is no kubeconfig: {error!r}") from error
    if not current:
        raise NoAccess("no way to the cluster: the kubeconfig has no current context: kubectl config use-context NAME")

    def part(field: str, name: object) -> KubeconfigPart:
        if (field, name) not in found:
            raise NoAccess(f"no way to the cluster: the kubeconfig has no {field} {name!r}")
        fields, folder = found[field, str(name)]
        return KubeconfigPart(f"the kubeconfig's {field} {name!r}", fields, folder)

    context = part("context", current)
    user = context.text("user")
    return Kubeconfig(
        cluster=part("cluster", context.text("cluster")),
        user=part("user", user) if user else KubeconfigPart("no user", {}, Path()),
        namespace=context.text("namespace"),
    )
