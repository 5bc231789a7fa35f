"""The directive `commands`: every command of `dispr` and its options, as the program knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from dispr.cli.main import cli


class Commands(SphinxDirective):
    """List the commands, a section for each."""

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        return [self._section(context) for context in contexts()]

    def _section(self, context: click.Context) -> nodes.section:
        command, path = context.command, context.command_path
        section = nodes.section(ids=[nodes.make_id(path)], names=[path])
        section += nodes.title(text=path)
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        section += nodes.literal_block(usage, usage, language="none")
        for paragraph in re.split(r"\n\s*\n", (command.help or "").strip()):
            section += nodes.paragraph("", "", *pieces(" ".join(paragraph.split())))
        options = nodes.definition_list(classes=["options"])
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record and record[1] and parameter.name != "help":
                options += nodes.definition_list_item(
                    "",
                    nodes.term("", "", nodes.literal(text=record[0])),
                    nodes.definition("", nodes.paragraph("", "", *pieces(record[1]))),
                )
        if options.children:
            section += options
        self.state.document.note_implicit_target(section)
        return section


def contexts() -> Iterator[click.Context]:
    """Go through all commands that do something, those of groups too."""
    waiting = [click.Context(cli, info_name="dispr")]
    while waiting:
        context = waiting.pop(0)
        group = context.command
        if not isinstance(group, click.Group):
            yield context
            continue
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            waiting.append(click.Context(command, info_name=name, parent=context))


def pieces(text: str) -> Iterator[nodes.Node]:
    """Make text of text, and code of what stands in backticks or is an option."""
    for part in re.split(r"(`[^`]+`|(?<![\w-])--[a-z][\w-]*)", text):
        if part.startswith(("`", "--")):
            yield nodes.literal(text=part.strip("`"))
        elif part:
            yield nodes.Text(part)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
