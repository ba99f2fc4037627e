"""What is wrong with a template file, before anything is published."""

from __future__ import annotations


class WritingError(ValueError):
    """A template file that cannot be compiled: the file, the line if one is known, the fact and a hint."""

    def __init__(self, file: str, fact: str, hint: str | None = None, line: int | None = None) -> None:
        super().__init__(fact)
        self.file, self.fact, self.hint, self.line = file, fact, hint, line
