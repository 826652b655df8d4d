"""The file of ``cbbot up --env``: what is secret comes from it, while the settings are the manifest's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cbbot.contract.bridge_settings_table import API_KEY_SOURCES
from cbbot.contract.env_file import files_beside, parse_env_file
from cbbot.process.named_files import text_of

__all__ = ["SLACK_SOURCES", "with_secrets_of"]

SLACK_SOURCES: Final = ("SLACK_WEBHOOK", "SLACK_WEBHOOK_FILE")
_TAKEN: Final = (*(source for sources in API_KEY_SOURCES for source in sources), *SLACK_SOURCES)


def with_secrets_of(path: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with the secrets that the file has and it has not; files that it names are beside it.

    Of one secret one source counts: with COINBASE_API_PRIVATE_KEY in the environment the file's
    COINBASE_API_PRIVATE_KEY_FILE is not read.

    Raises:
        BadInput: the file cannot be read, or is no env file.
    """
    if path is None:
        return dict(environment)
    held = files_beside(path.parent, parse_env_file(text_of(path, "--env"), path.name, _TAKEN).values)
    for sources in (*API_KEY_SOURCES, SLACK_SOURCES):
        if any(environment.get(source, "").strip() for source in sources):
            held = {key: text for key, text in held.items() if key not in sources}
    return {**environment, **{key: text for key, text in held.items() if text.strip()}}
