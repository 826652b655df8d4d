"""Finds the command, loads it, runs it; turns whatever happens into an exit code.

typer with rich takes 0.13 s to show its help, without rich 0.07 s, this table 0.02 s: typer is
imported only for the command that runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from cbbot import __version__
from cbbot.cli.exits import guarded
from cbbot.errors import BadInput, CbbotError

__all__ = ["COMMANDS", "CommandEntry", "click_command", "main"]


class _NotInstalled(CbbotError):
    """A command whose part of the distribution is not here."""


class CommandEntry(NamedTuple):
    """``target`` is ``module:function``; ``extra`` is the part of the distribution that it needs.

    With ``reads_arguments`` the function is given the arguments as they are, ``--help`` included; else typer reads
    them for it.
    """

    target: str
    summary: str
    extra: str
    reads_arguments: bool = False


COMMANDS: Final = {
    "up": CommandEntry("cbbot_operator.processes:up", "Run a TradingBot on this machine, with its surroundings.", "up"),
    "run": CommandEntry("cbbot.cli.run_command:run", "Trade, live or on paper, until stopped.", "bot"),
    "simulate": CommandEntry(
        "cbbot_bridge.simulator.simulate_command:simulate",
        "Serve a look-alike of Coinbase, on a file of candles or a random walk.",
        "bridge",
        reads_arguments=True,
    ),
    "bridge": CommandEntry(
        "cbbot_bridge.bridge_command:bridge",
        "Serve prices, orders and the account of Coinbase to bots.",
        "bridge",
        reads_arguments=True,
    ),
    "backtest": CommandEntry("cbbot.cli.backtest_command:backtest", "Trade over a file of candles.", "bot"),
    "backfill": CommandEntry("cbbot.cli.backfill_command:backfill", "Fetch candles of a bridge into a file.", "bot"),
    "data check": CommandEntry("cbbot.cli.data_command:check", "What is in a file of candles.", "bot"),
    "why": CommandEntry("cbbot.cli.why_command:why", "Why the bot did what it did.", "bot"),
    "pnl": CommandEntry("cbbot.cli.pnl_command:pnl", "What closed trades earned, by exit, role or time.", "bot"),
    "control pause": CommandEntry("cbbot.cli.control_command:pause", "Open no new lots; exits go on.", "bot"),
    "control resume": CommandEntry("cbbot.cli.control_command:resume", "End the pause by hand.", "bot"),
    "control flatten": CommandEntry("cbbot.cli.control_command:flatten", "Close every lot, and stay paused.", "bot"),
    "state show": CommandEntry("cbbot.cli.state_command:show", "What a state file holds.", "bot"),
    "state verify": CommandEntry("cbbot.cli.state_command:verify", "Whether a state file is sound.", "bot"),
    "state write-off": CommandEntry("cbbot.cli.correct_state_command:write_off", "Take lots out that are gone.", "bot"),
    "state adopt": CommandEntry("cbbot.cli.correct_state_command:adopt", "Explain what a start could not.", "bot"),
    "state backup": CommandEntry("cbbot.cli.state_files_command:backup", "Copy a state.", "bot"),
    "state restore": CommandEntry("cbbot.cli.state_files_command:restore", "Put a copy of a state back.", "bot"),
    "state migrate": CommandEntry("cbbot.cli.state_files_command:migrate", "Make a state of the Go bot's.", "bot"),
    "migrate": CommandEntry(
        "cbbot.cli.migrate_command:migrate_stack",
        "Make a TradingBot of the Go bot's bot.env, bridge.env and state.",
        "up",
    ),
    "soak": CommandEntry(
        "cbbot_bridge.in_memory.soak_command:soak",
        "Trade in a simulated world in which everything goes wrong.",
        "bridge",
    ),
    "examples": CommandEntry(
        "cbbot_operator.examples_command:examples", "TradingBots to start from, and files for one machine.", "up"
    ),
    "completion": CommandEntry(
        "cbbot.cli.completion_command:completion", "A script that completes words in bash, zsh or fish.", "bot", True
    ),
    "explain": CommandEntry(
        "cbbot.cli.explain_command:explain", "What a setting, a field or a group of them means.", "bot"
    ),
}


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 failed, 2 bad input, 3 refused for safety, else 128 plus the number of a signal.

    So 130 for Ctrl-C and 143 for SIGTERM; but ``run`` ends well by SIGTERM, ``up`` by Ctrl-C and ``simulate`` by
    either, with 0.
    """
    return guarded(lambda: _run(list(arguments)), service=list(arguments[:1]) == ["run"])


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_overview(""))
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"cbbot {__version__}\n")
        return 0
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return _called(name, COMMANDS[name], arguments[words:])
    first = arguments[0]
    if any(name.startswith(f"{first} ") for name in COMMANDS):
        if len(arguments) == 1 or arguments[1] in ("-h", "--help"):
            sys.stdout.write(_overview(f"{first} "))
            return 0
        first = f"{first} {arguments[1]}"
    raise BadInput(f"there is no command {first!r}{_guess(first)}; cbbot --help lists them")


def _called(name: str, command: CommandEntry, arguments: list[str]) -> int:
    try:
        function = _loaded(name, command)
    except _NotInstalled as error:
        if not any(argument in ("-h", "--help") for argument in arguments):
            raise
        sys.stdout.write(
            f"Usage: cbbot {name} [OPTIONS]\n\n  {command.summary}\n\n{error}; then this shows the options.\n"
        )
        return 0
    if command.reads_arguments:
        return int(function(arguments))
    import typer  # noqa: PLC0415  40 ms that --help must not pay

    app = _app(name, function)
    # Of click's errors typer passes on BadParameter alone; this is the root it shares with the others.
    usage_error: type[Exception] = typer.BadParameter.__mro__[2]
    try:
        code = app(args=arguments, prog_name=f"cbbot {name}", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except usage_error as error:
        raised: Any = error
        message = raised.format_message().strip().removesuffix(".")
        raise BadInput(f"{message}; see cbbot {name} --help") from None
    return code if isinstance(code, int) else 0


def click_command(name: str) -> Any:
    """The command with its options, as click has it; None for one that reads its arguments itself.

    Raises:
        CbbotError: its part of the distribution is not installed.
    """
    import typer  # noqa: PLC0415  as above

    command = COMMANDS[name]
    return None if command.reads_arguments else typer.main.get_command(_app(name, _loaded(name, command)))


def _app(name: str, function: Callable[..., Any]) -> Any:
    import typer  # noqa: PLC0415  as above

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(function)
    return app


def _loaded(name: str, command: CommandEntry) -> Callable[..., Any]:
    import importlib  # noqa: PLC0415  not needed to list commands

    module, _, function = command.target.partition(":")
    try:
        loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise _NotInstalled(
            f"cbbot {name} is not installed here ({error.name} is missing): pip install 'cbbot[{command.extra}]'"
        ) from error
    return loaded


def _overview(prefix: str) -> str:
    listed = {name: command for name, command in COMMANDS.items() if name.startswith(prefix)}
    width = max(len(name) for name in listed)
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in listed.items()]
    usage = f"Usage: cbbot {prefix}COMMAND [OPTIONS]\n\n"
    options = "" if prefix else "\nOptions:\n  --version  Show the version.\n  --help     Show this.\n"
    more = "\ncbbot COMMAND --help tells more of a command.\n"
    return usage + "Commands:\n" + "\n".join(lines) + "\n" + options + more


def _guess(word: str) -> str:
    import difflib  # noqa: PLC0415  only for a mistake

    close = difflib.get_close_matches(word, [*COMMANDS, *(name.split()[0] for name in COMMANDS)], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
