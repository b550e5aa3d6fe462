"""All commands of walletsync, with those that belong to another one, by what is typed to call them."""

import click

from ipc.cli.main import walletsync


def _below(group: click.Group, path: str) -> dict[str, click.Command]:
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found[f"{path}{name}"] = command
        if isinstance(command, click.Group):
            found |= _below(command, f"{path}{name} ")
    return found


COMMAND_BY_PATH = _below(walletsync, "")
