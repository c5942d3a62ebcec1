"""`ecirun completion`: what a shell needs to complete ecirun's commands."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    r"""Print what makes SHELL complete commands, options, examples and the names of pods.

    \b
    bash  put into ~/.bashrc:  eval "$(ecirun completion bash)"
    zsh   put into ~/.zshrc:   eval "$(ecirun completion zsh)"
    fish  ecirun completion fish > ~/.config/fish/completions/ecirun.fish
    """
    from click.shell_completion import get_completion_class

    from ecirun.cli.group import group

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(group, {}, "ecirun", "_ECIRUN_COMPLETE").source())
    return 0
