"""What is known of the API key of a TradingBot, and which one its bridge is to run with. Pure.

Two keys in a Secret prove nothing: the bridge tries them at Coinbase and says what came of it. A key that is put into
the Secret later reaches the running bridge as a file, so the bridge can prove it before anybody restarts with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cbbot.contract.bridge_api import CredentialCheck
from cbbot.contract.bridge_settings_table import API_KEY_PAIR
from cbbot.contract.key_fingerprint import key_fingerprint
from cbbot_operator import pods
from cbbot_operator.judgement import Judgement, condition
from cbbot_operator.keys import KEY_FINGERPRINT
from cbbot_operator.known_lots import flat, opens_no_more
from cbbot_operator.observed import Observed, api_key_secret

__all__ = [
    "ROTATION_REFUSED",
    "fingerprint_in_secret",
    "fingerprint_to_run",
    "is_to_ask",
    "is_to_roll",
    "judge",
    "warnings",
]

ROTATION_REFUSED = "RotationRefused"
"""The bridge goes on with the key that it has, and the bot with it."""
_PROVEN_FOR = timedelta(minutes=5)
_ANSWERED_FOR = timedelta(seconds=30)
_MAY_TRANSFER = "the API key may transfer money out: use one that may view and trade only"


def fingerprint_in_secret(seen: Observed) -> str:
    """Of the key in the Secret; empty where no key is used or it is not whole."""
    name = api_key_secret(seen.spec) if seen.spec is not None else None
    contents = seen.secrets.get(name) if name is not None else None
    if not contents or not all(contents.get(key) for key in API_KEY_PAIR):
        return ""
    return key_fingerprint(*(contents[key] for key in API_KEY_PAIR))


def fingerprint_to_run(seen: Observed) -> str:
    """The key that the bridge is to run with: the Secret's, unless its own works and the Secret's is not proven."""
    wanted, running, check = fingerprint_in_secret(seen), _running(seen), _check(seen)
    if not running or not wanted or wanted in (running, check.fingerprint if check is not None else running):
        return wanted
    return running if _works(seen, running) and not _is_proven(seen, wanted) else wanted


def is_to_ask(seen: Observed, now: datetime) -> bool:
    """Whether the bridge is to be asked about its key: seldom once that is proven, or once there is an answer.

    A bridge that is not ready is not asked, and one that did not answer, or whose key was refused, not at every round.
    """
    if seen.spec is None or api_key_secret(seen.spec) is None or not pods.is_available(seen.deployment("bridge")):
        return False
    last = seen.key_report
    if last is None:
        return True
    judged = judge(seen)
    if judged.reason == "Valid" and _running(seen) == fingerprint_in_secret(seen) and last.upstream is not None:
        return now - last.at >= _PROVEN_FOR
    return now - last.at >= _ANSWERED_FOR or (last.upstream is not None and judged.status != "False")


def is_to_roll(seen: Observed) -> bool:
    """Whether the bridge runs with another key than it is to run with."""
    return _running(seen) not in ("", fingerprint_to_run(seen))


def _running(seen: Observed) -> str:
    """The fingerprint that the bridge's pods were last rendered with; empty when there are none."""
    deployment = seen.deployment("bridge")
    if deployment is None or not deployment["spec"].get("replicas", 1):
        return ""
    return str((deployment["metadata"].get("annotations") or {}).get(KEY_FINGERPRINT, ""))


def _check(seen: Observed) -> CredentialCheck | None:
    report = seen.key_report
    return report.upstream.credentials if report is not None and report.upstream is not None else None


def _next(seen: Observed) -> CredentialCheck | None:
    report = seen.key_report
    return report.upstream.next_credentials if report is not None and report.upstream is not None else None


def _works(seen: Observed, fingerprint: str) -> bool:
    """Whether the running bridge's key is one that Coinbase takes; one that has not been asked may be."""
    check = _check(seen)
    if check is None or check.fingerprint != fingerprint or check.valid is None:
        before = condition(seen.status, "CredentialsValid")
        return before is not None and before["status"] == "True" and before["reason"] == "Valid"
    return check.valid


def _is_proven(seen: Observed, fingerprint: str) -> bool:
    check = _next(seen)
    if check is None or check.fingerprint != fingerprint or _leaves_lots(seen, check):
        return False
    return check.valid is True and check.can_trade is not False


def _leaves_lots(seen: Observed, following: CredentialCheck) -> bool:
    """Whether the key is of another portfolio than the one in use, where it sees no base, and there may be lots."""
    check = _check(seen)
    if check is None or seen.spec is None or seen.spec.mode != "Live":
        return False
    moves = "" not in (check.portfolio, following.portfolio) and check.portfolio != following.portfolio
    return moves and not (flat(seen) and opens_no_more(seen))


def judge(seen: Observed) -> Judgement:
    """The condition CredentialsValid of a TradingBot whose Secret is there."""
    if seen.spec is None:
        return Judgement("Unknown", "InvalidSpec", "")
    secret = api_key_secret(seen.spec)
    if secret is None:
        return Judgement("True", "NotNeeded", "public market data or the Simulator: no keys are used")
    wanted, running = fingerprint_in_secret(seen), _running(seen)
    if running and wanted and fingerprint_to_run(seen) != wanted:
        following = _next(seen)
        return _of_rotation(secret, wanted, following, leaves=following is not None and _leaves_lots(seen, following))
    check = _check(seen)
    if check is None or check.valid is None or check.fingerprint != wanted:
        before = condition(seen.status, "CredentialsValid")
        if before is not None and before["reason"] == "Valid" and running == wanted:
            return Judgement(before["status"], before["reason"], before["message"])
        why = check.refusal if check is not None and check.fingerprint == wanted else ""
        cause = why or (seen.key_report.failure if seen.key_report is not None else "")
        message = f"Secret {secret} has both keys; the bridge has not proven them yet"
        return Judgement("Unknown", "Present", f"{message}: {cause}" if cause else message)
    return _of_checked(secret, check, orders=seen.spec.mode == "Live")


def _of_checked(secret: str, check: CredentialCheck, *, orders: bool) -> Judgement:
    if check.valid is False:
        said = check.refusal or "no reason given"
        return Judgement("False", "Invalid", f"Coinbase does not accept the API key in Secret {secret}: {said}")
    if orders and check.can_trade is False:
        return Judgement(
            "False", "MayNotTrade", f"the API key in Secret {secret} may not trade: give it that permission"
        )
    warned = f"; {_MAY_TRANSFER}" if check.can_transfer else ""
    return Judgement("True", "Valid", f"Coinbase accepts the API key in Secret {secret}{warned}")


def _of_rotation(secret: str, wanted: str, check: CredentialCheck | None, *, leaves: bool) -> Judgement:
    if check is None or check.fingerprint != wanted or check.valid is None:
        return Judgement(
            "True",
            "Valid",
            f"Secret {secret} has a new API key: the bridge proves it before it gives up the old one",
        )
    said = check.refusal or ("it may not trade" if check.can_trade is False else "no reason given")
    if leaves and check.valid and check.can_trade is not False:
        message = (
            f"Secret {secret} has an API key of another portfolio, which does not hold what the open lots are of. The "
            "bridge goes on with the old one, which it has only as long as its pod lives: pause entries and close the "
            "lots first, or put a key of the same portfolio into the Secret"
        )
        return Judgement("False", ROTATION_REFUSED, message)
    return Judgement(
        "False",
        ROTATION_REFUSED,
        f"Secret {secret} has a new API key that does not work: {said}. The bridge goes on with the old one, which it "
        "has only as long as its pod lives: put a key that works into the Secret",
    )


def warnings(seen: Observed) -> list[str]:
    """What is unwise about the key, in words."""
    check = _check(seen)
    return [_MAY_TRANSFER] if check is not None and check.can_transfer else []
