"""Where a bot's state is when nobody says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cbbot.contract.settings_table import BY_KEY
from cbbot.process.user_folders import user_state_folder

__all__ = ["default_state_file"]


def default_state_file(environment: Mapping[str, str], usual: Path | None = None) -> Path:
    """The settings table's place where its folder is there, else one in the user's state folder.

    A container's image has that folder, and so has a machine on which the Go bot ran: its lots must not be forgotten.
    Elsewhere only root could make it. ``usual`` stands for the table's place.
    """
    usual = usual or Path(str(BY_KEY["STATE_FILE"].default))
    return usual if usual.parent.is_dir() else user_state_folder(environment) / "run" / usual.name
