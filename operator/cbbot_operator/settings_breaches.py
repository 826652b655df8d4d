"""Settings that somebody added to a bot's ConfigMap by hand. Pure.

Every key of the ConfigMap is a variable of the bot, and server-side apply leaves keys alone that it does not send. A
setting that is not from the spec is checked by nobody.
"""

from __future__ import annotations

from cbbot.contract.constraints import is_free
from cbbot_operator.keys import Object
from cbbot_operator.owned_fields import owned_part

__all__ = ["added_settings"]


def added_settings(settings: Object) -> tuple[str, ...]:
    """The keys that have to go; nothing for a ConfigMap of which nothing is ours."""
    ours = owned_part(settings).get("data", {})
    if not ours:
        return ()
    return tuple(name for name in settings.get("data") or {} if name not in ours and not is_free(name))
