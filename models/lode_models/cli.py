"""The command line of `lode-models`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lode_models.errors import ModelsError

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)
train = typer.Typer(no_args_is_help=True, help="Train a model on your own readings.")
app.add_typer(train, name="train")


class Kind(StrEnum):
    """What a model of rigs may be."""

    AUTOENCODER = "autoencoder"
    FOREST = "forest"


@app.callback()
def models() -> None:
    """Train and judge the models that Lode ships."""


@train.callback()
def training() -> None:
    """Train a model on your own readings."""


@train.command()
def rig(
    readings: Annotated[Path, typer.Argument(help="CSV of readings, as lode-hub detect --fleet")],
    rigs: Annotated[Path, typer.Option(help="CSV of the rigs that it is about")],
    out: Annotated[Path, typer.Option(help="folder for model.onnx and card.toml")],
    findings: Annotated[
        Path | None, typer.Option(help="CSV of known faults, as lode-hub detect --fleet writes it")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="what to train")] = Kind.AUTOENCODER,
    false_share: Annotated[
        float,
        typer.Option(help="share of healthy judgements above the threshold", min=1e-5, max=0.05),
    ] = 0.001,
    seed: Annotated[int, typer.Option(help="the same seed and data give the same model")] = 1,
) -> None:
    """Train the learned opinion on rigs; what is known to be faulty is left out."""
    from lode_models.rig.examples import Course  # noqa: PLC0415 -- numpy only when needed
    from lode_models.rig.files import train_on_files  # noqa: PLC0415

    course = Course(kind=kind.value, seed=seed, false_share=false_share)
    card = train_on_files(readings, rigs, findings, course, out)
    typer.echo(
        f"{out}: {card.kind} of {card.rows:,} rig minutes of {card.rigs} rigs; healthy others, "
        f"later: {card.held_out_false_share:.3%} above the threshold"
    )


def main() -> None:
    """Run the command line; a trouble is told in one line, with status 1."""
    try:
        app()
    except ModelsError as error:
        print(f"lode-models: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
