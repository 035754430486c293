"""How a command line is read: complaints of one line that name what was perhaps meant; help with examples."""

import argparse
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from ...space import UserError
from ...space.errors import nearest, unknown_name

_NARROW = 60  # columns, below which help stands under its flag and not beside it


class HelpFormatter(argparse.HelpFormatter):
    """Help that cuts no word, such as a name to be typed, however narrow the terminal is."""

    def __init__(self, prog: str, *arguments: Any, **more: Any) -> None:
        super().__init__(prog, *arguments, **more)
        if self._width < _NARROW:
            self._max_help_position = 3 * self._indent_increment

    def _split_lines(self, text: str, width: int) -> list[str]:
        text = " ".join(text.split())
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in self._split_lines(text, width - len(indent)))


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are `UserError`.

    Args:
        examples: Commands as they are typed, for the end of the help.

    Attributes:
        commands: The parsers of its commands, by name.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **more: Any) -> None:
        super().__init__(*arguments, **{"formatter_class": HelpFormatter, **more})
        self.examples = tuple(examples)
        self.commands: Mapping[str, Parser] = {}

    def format_help(self) -> str:
        """The help, and the examples as they are typed, however narrow the terminal is."""
        if not self.examples:
            return super().format_help()
        title = "example:" if len(self.examples) == 1 else "examples:"
        return "\n".join([super().format_help(), title, *(f"  {line}" for line in self.examples), ""])

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """What was typed.

        Raises:
            UserError: If it cannot be understood.
        """
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.commands.get(options.command, self).refuse(unknown)
        return options

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Complain of arguments that nothing takes, naming the nearest flag of the first of them.

        Raises:
            UserError: Always.
        """
        flags = [name for name in self._option_string_actions if name.startswith("--")]
        typed = unknown[0].partition("=")[0]
        hint = nearest(typed, flags) if typed.startswith("--") else ""
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")

    def error(self, message: str) -> NoReturn:
        raise UserError(message if message.endswith("?") else f"{message}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # argparse lists what there is, and only its newest version what was perhaps meant.
        choices: Iterable[Any] | None = action.choices
        if choices is not None and value not in choices:
            raise argparse.ArgumentError(action, unknown_name(value, choices))
