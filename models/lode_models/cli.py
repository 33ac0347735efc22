"""The command line of `lode-models`."""

import typer

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def models() -> None:
    """Train and judge the models that Lode ships."""


def main() -> None:
    """Run the command line."""
    app()
