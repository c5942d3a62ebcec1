"""How a plain root file system is to be run: instructions in a Dockerfile's words → the config of an image."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any

from ecirun.errors import UsageError
from ecirun.image.bad_image import BadImage
from ecirun.image.documents import check_run_config

KNOWN = ("USER", "ENV", "ENTRYPOINT", "CMD", "WORKDIR", "STOPSIGNAL", "VOLUME", "LABEL")


def config_from(instructions: Iterable[str]) -> dict[str, Any]:
    """The `config` object of an OCI image config.

    Each instruction is one of a Dockerfile (`USER 1000`, `CMD ["sh"]`), the JSON of such an object, or the path of a file with
    that JSON. Raises UsageError.
    """
    config: dict[str, Any] = {}
    for instruction in instructions:
        word, _space, rest = instruction.strip().partition(" ")
        if word.upper() in KNOWN and rest.strip():
            _apply(config, word.upper(), rest.strip())
        else:
            config |= _document(instruction)
    try:
        check_run_config(config)
    except BadImage as error:
        raise UsageError(f"Can't use the image config: {error.reason}", hint="compare it with `ecirun image inspect`") from None
    return config


def _apply(config: dict[str, Any], word: str, rest: str) -> None:
    if word in ("USER", "WORKDIR", "STOPSIGNAL"):
        config[{"USER": "User", "WORKDIR": "WorkingDir", "STOPSIGNAL": "StopSignal"}[word]] = rest
    elif word in ("ENTRYPOINT", "CMD"):
        config[word.capitalize()] = _words(rest) or ["/bin/sh", "-c", rest]
    elif word == "VOLUME":
        config.setdefault("Volumes", {}).update({path: {} for path in _words(rest) or rest.split()})
    else:
        settings = _settings(word, rest)
        if word == "ENV":
            config.setdefault("Env", []).extend(f"{name}={value}" for name, value in settings.items())
        else:
            config.setdefault("Labels", {}).update(settings)


def _words(text: str) -> list[str]:
    """The words of the exec form, `["a", "b"]`; none for the shell form."""
    if not text.startswith("["):
        return []
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise UsageError(f"Can't read {text} as a list of words", hint='write it as JSON: ["sh", "-c", "date"]')
    return words


def _settings(word: str, text: str) -> dict[str, str]:
    """`A=1 B="2 3"`, or the old `A 1 2`."""
    name, space, value = text.partition(" ")
    if "=" not in name and space:
        return {name: value.strip()}
    try:
        pairs = [pair.partition("=") for pair in shlex.split(text)]
    except ValueError as error:
        raise UsageError(f"Can't read {word} {text}: {str(error).lower()}", hint=f'write it as {word} NAME="value"') from None
    if not all(name and equals for name, equals, _value in pairs):
        raise UsageError(f"Can't read {word} {text}: a word has no =", hint=f'write it as {word} NAME="value"')
    return {name: value for name, _equals, value in pairs}


def _document(instruction: str) -> dict[str, Any]:
    text = instruction
    if not instruction.lstrip().startswith("{"):
        try:
            with open(instruction, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError, ValueError):
            raise UsageError(
                f'Can\'t use the image config "{instruction}": neither an instruction ({", ".join(KNOWN)}) nor JSON nor a file',
                hint="write it as in a Dockerfile, quoted: --config 'USER 1000'",
            ) from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"Can't read the image config {instruction[:80]}: {error}", hint="give the JSON of an image's config"
        ) from None
    config = document.get("config", document) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise UsageError(f"Can't use the image config {instruction[:80]}: it is no JSON object", hint="give an image's config")
    return config
