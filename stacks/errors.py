"""The one error of this package: the settings cannot be used, said in sentences."""

from __future__ import annotations


class SettingsError(Exception):
    """The settings cannot be used. Its text has one sentence, and one line, per problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
