"""What a user of the API should know and no result tells: it goes to the logger `ecirun`, as warnings."""

from __future__ import annotations


def say(text: str) -> None:
    """Say it. Where nobody has set up logging, Python shows it on stderr; pytest shows it with the test that fails."""
    import logging

    logging.getLogger("ecirun").warning("%s", text)
