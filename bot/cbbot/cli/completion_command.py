"""``cbbot completion``: a script that completes commands, options and settings in a shell.

The script asks ``cbbot completion words -- WORD...`` what may stand in the place of the last word.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from cbbot.errors import BadInput, CbbotError

__all__ = ["completion", "words_for"]

_BASH: Final = """_cbbot() {
    local IFS=$'\\n'
    COMPREPLY=($(cbbot completion words -- "${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null))
    [ "${#COMPREPLY[@]}" -gt 0 ] || compopt -o default
}
complete -F _cbbot cbbot
"""
_ZSH: Final = """#compdef cbbot
_cbbot() {
    local -a found
    found=("${(@f)$(cbbot completion words -- "${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
compdef _cbbot cbbot
"""
_FISH: Final = """complete -c cbbot -e
complete -c cbbot -a '(cbbot completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_USAGE: Final = f"""Usage: cbbot completion {"|".join(_SCRIPTS)}

  Print a script that completes commands, options and settings:

  bash  source <(cbbot completion bash)      in ~/.bashrc
  zsh   source <(cbbot completion zsh)       in ~/.zshrc, after compinit
  fish  cbbot completion fish | source       in ~/.config/fish/config.fish
"""


def completion(arguments: Sequence[str]) -> int:
    """Prints the script of a shell, or what may stand in the place of the last word."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, end="")
        return 0
    if arguments[0] == "words":
        print("\n".join(words_for(list(arguments[2:]))))
        return 0
    if list(arguments[1:]) or arguments[0] not in _SCRIPTS:
        raise BadInput(f"completion {' '.join(arguments)}: one of {', '.join(_SCRIPTS)} is wanted")
    print(_SCRIPTS[arguments[0]], end="")
    return 0


def words_for(words: Sequence[str]) -> list[str]:
    """What may stand for the last of ``words``, those after ``cbbot``; nothing where a file is meant."""
    from cbbot.cli.dispatch import COMMANDS, click_command  # noqa: PLC0415  dispatch has this command in its table

    *before, begun = words or [""]
    name = next((" ".join(before[:n]) for n in (2, 1) if " ".join(before[:n]) in COMMANDS and len(before) >= n), None)
    if name is None:
        typed = " ".join([*before, ""])
        heads = {each.removeprefix(typed).split()[0] for each in COMMANDS if each.startswith(typed)}
        return _begun(begun, sorted(heads) if not begun.startswith("-") else ["--help", "--version"])
    given = before[len(name.split()) :]
    if name == "explain":
        from cbbot.cli.explain_command import names_to_explain  # noqa: PLC0415  not needed for other commands

        return _begun(begun, names_to_explain())
    if name == "completion":
        return _begun(begun, list(_SCRIPTS))
    try:
        command = click_command(name)
    except CbbotError:
        return []
    return [] if command is None else _of_command(command, given, begun)


def _of_command(command: Any, given: Sequence[str], begun: str) -> list[str]:
    options = {flag: parameter for parameter in command.params for flag in parameter.opts if flag.startswith("-")}
    previous = options.get(given[-1]) if given else None
    if previous is not None and not previous.is_flag:
        if "--set" in previous.opts:
            from cbbot.contract.settings_table import BY_KEY  # noqa: PLC0415  only for this option

            return _begun(begun, [f"{key}=" for key in BY_KEY])
        return _begun(begun, _choices(command.callback, previous.name))
    if begun.startswith("-"):
        return _begun(begun, [*(flag for flag in options if flag.startswith("--")), "--help"])
    return []


def _choices(function: Any, parameter: str) -> list[str]:
    """What an option takes, if that is a word of a few; by the function's annotation, as typer finds it."""
    hint = get_type_hints(inspect.unwrap(function)).get(parameter)
    for each in (hint, *get_args(hint)):
        if isinstance(each, type) and issubclass(each, Enum):
            return [str(member.value) for member in each]
        if get_origin(each) is Literal:
            return [str(choice) for choice in get_args(each)]
    return []


def _begun(begun: str, words: Sequence[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(begun)]
