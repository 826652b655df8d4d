"""One way from an environment to values, for every process: all that is wrong is said at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cbbot.contract.setting import BadSetting, Setting
from cbbot.errors import BadInput

__all__ = ["BadSettings", "Problems", "read_secret", "read_settings"]

_MOST_SECRET_BYTES: Final = 16_384


class BadSettings(BadInput):
    """Settings that cannot be used; ``problems`` has every reason, the message a line for each."""

    def __init__(self, problems: Iterable[BadInput]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.reasons))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(str(problem) for problem in self.problems)


class Problems:
    """What is wrong with one start, collected so that a person sees all of it."""

    def __init__(self) -> None:
        self.found: list[BadInput] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Keeps a ``BadInput`` raised inside instead of letting it out."""
        try:
            yield
        except BadSettings as error:
            self.found += error.problems
        except BadInput as error:
            self.found.append(error)

    def raise_found(self) -> None:
        """
        Raises:
            BadSettings: something was found.
        """
        if self.found:
            raise BadSettings(self.found)


def read_settings(settings: Iterable[Setting], environment: Mapping[str, str], problems: Problems) -> dict[str, Any]:
    """Values by key; keys that are missing or empty take their default, None where there is none.

    A key whose text is refused is not in the answer; why is in ``problems``.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        text = environment.get(setting.key, "")
        if not text.strip():
            text = setting.default or ""
        with problems.collected():
            values[setting.key] = setting.parse(text) if text or setting.required else None
    return values


def read_secret(setting: Setting, path: str, named_by: str) -> Any:
    """The value of ``setting`` from the file at ``path``, which the key or option ``named_by`` names.

    Raises:
        BadSetting: the file cannot be read, or does not hold what the setting accepts. What it holds is not repeated.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_SECRET_BYTES + 1)
    except OSError as error:
        raise BadSetting(named_by, path, f"a file that can be read ({error.strerror})") from error
    if len(content) > _MOST_SECRET_BYTES:
        raise BadSetting(named_by, path, f"a file of at most {_MOST_SECRET_BYTES} bytes")
    try:
        return setting.parse(content.decode("utf-8"))
    except (UnicodeDecodeError, BadSetting):
        raise BadSetting(named_by, path, f"a file that holds {setting.accepted}") from None
