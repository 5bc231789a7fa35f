"""The `dispr` command: finds its subcommands lazily and turns errors into one sentence."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import click

from dispr._version import __version__
from dispr.cli.say import warnings_as_lines, with_output_options
from dispr.errors import DisprError
from dispr.memory import is_out_of_memory

# command: (module that defines it, its line in `dispr --help`). The module is imported only when
# its command runs, so that `dispr --help` answers at once.
COMMANDS = {
    "predict": ("dispr.cli.predict", "Predict 3D shapes for a folder of 2D cells."),
    "measure": (
        "dispr.cli.measure",
        "Measure cells: volume, surface area, curvature, thickness, ...",
    ),
    "compare": ("dispr.cli.compare", "Compare the shapes of the cells of two conditions."),
    "evaluate": ("dispr.cli.evaluate", "Score predicted shapes against the true shapes."),
    "classify": ("dispr.cli.classify", "Classify cells by features of sections and shapes."),
    "reproduce": (
        "dispr.cli.reproduce",
        "Reproduce the published study: train, predict, classify.",
    ),
    "gather": ("dispr.cli.gather", "Join the parts that --shard made, or verify them."),
    "unpack": ("dispr.cli.unpack", "Write packed shapes as TIFF files."),
    "export": ("dispr.cli.export", "Write results and models in standard formats."),
    "report": ("dispr.cli.report", "Write a report of predictions to open in a browser."),
    "mesh": ("dispr.cli.mesh", "Write predicted shapes as meshes: STL, PLY, OBJ, GLB."),
    "plot": ("dispr.cli.plot", "Make a figure of predicted cells: sections and shapes."),
    "baseline": ("dispr.cli.baseline", "Make baseline shapes without a neural network."),
    "prepare": ("dispr.cli.prepare", "Turn z-stacks and 3D labels into training data."),
    "train": ("dispr.cli.train", "Train a model on a folder of cells."),
    "calibrate": ("dispr.cli.calibrate", "Calibrate a model's intervals."),
    "convert": ("dispr.cli.convert", "Convert a checkpoint of the published program."),
    "data": ("dispr.cli.data", "Check a data set, or download the published one."),
    "simulate": ("dispr.cli.simulate", "Simulate a data set of cells."),
}


class LazyGroup(click.Group):
    """A group of commands whose modules are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of a user's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the command and return its `command`."""
        if cmd_name not in COMMANDS:
            return None
        return with_output_options(importlib.import_module(COMMANDS[cmd_name][0]).command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dispr")
def cli() -> None:
    """Predict plausible 3D cell shapes from one 2D microscopy image and its mask.

    Exit codes: 0 success; 2 invalid input or settings; 3 finished, but some cells failed; 130
    interrupted.

    Images of more than 4 GiB are refused before they are read; the environment variable
    DISPR_LARGEST_GIB raises that and other limits of size.
    """


FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", None))
STOPPED = "Stopped; finished files are kept."


def main() -> None:
    """Run the command line."""
    run(cli, "dispr")


def run(command: click.Command, name: str | None = None) -> NoReturn:
    """Run a command and exit: with 2 and one sentence on bad input, with 130 where interrupted.

    With 3 (`dispr.cli.say.PARTLY`) where the command returns that: it is done, but for some cells.

    SIGTERM, by which schedulers and `timeout` stop a program, interrupts as Ctrl-C does. When all
    is done or given up, both end the program at once.
    """
    try:
        try:
            _on_signals(_interrupt)
            with warnings_as_lines():
                code = command.main(prog_name=name, standalone_mode=False) or 0
        finally:
            _on_signals(_leave)
    except (click.Abort, KeyboardInterrupt):
        _on_signals(_leave)  # again: a second Ctrl-C may have come before
        _end_processes()
        _end(STOPPED, 130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except DisprError as error:
        _end(f"Error: {error}", 2)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _end(
            "Error: out of memory; close other programs, use smaller images, or lower "
            "--batch-size or --jobs.",
            2,
        )
    except OSError as error:
        # What no module foresaw of the file system: still a sentence that names the file.
        if error.errno in FULL:
            _end("Error: the disk is full; free some space and run again.", 2)
        _end(f"Error: {error.filename or 'a file'}: {error.strerror or error}.", 2)
    sys.exit(code)


def _on_signals(handler: Callable[[int, FrameType | None], NoReturn]) -> None:
    """Say what SIGTERM and Ctrl-C do, where the program is in charge of them."""
    if threading.current_thread() is threading.main_thread():
        for kind in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(kind) is not signal.SIG_IGN:  # as under nohup
                signal.signal(kind, handler)


def _interrupt(kind: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _leave(kind: int, frame: FrameType | None) -> NoReturn:
    """End without a traceback: nothing is left to be undone, and Python's own end may take long."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    os._exit(130)


def _end_processes() -> None:
    """End processes that still work.

    Where a second Ctrl-C comes while the first waits for them, Python up to 3.12 takes the thread
    that is to tell them so for ended, and then waits for them for ever.
    """
    if "multiprocessing" in sys.modules:
        for process in sys.modules["multiprocessing"].active_children():
            process.terminate()


def _end(message: str, code: int) -> NoReturn:
    # Names of files that are not UTF-8 cannot be printed as they are.
    click.echo(message.encode("utf-8", "replace").decode(), err=True)
    sys.exit(code)
