"""The commands about the networks and the installation, which read no map."""

# ruff: noqa: D301 - a backspace makes Typer keep the line breaks of a paragraph

from __future__ import annotations

import typer

from featscape.cli.console import as_safe_json, show
from featscape.cli.parameters import (  # noqa: TC001 - Typer reads the annotations
    AsJson,
    Depth,
    ModelName,
    Pattern,
)
from featscape.errors import InputError


def models(pattern: Pattern = None, *, as_json: AsJson = False) -> None:
    """List or search the networks.

    The list shows the number of features per image, the size of the input, the number of
    parameters, the names of the weights, and whether the default weights are on this disk. Nothing
    is downloaded. With --json, the output is {"models": [...]}, with all networks if there is no
    PATTERN.

    \b
    Examples:
      featscape models         # libraries and examples
      featscape models dinov2  # names that contain dinov2
      featscape models 'timm:vit_small*'
      featscape models --json | jq '.models[] | select(.is_on_disk).name'
    """
    from featscape.cli.screens import network_report
    from featscape.features import list_models

    found = list_models(pattern or "")
    if not found:
        raise InputError(
            f"a pattern must match the name of a network; {pattern!r} matches none. "
            "Try a shorter pattern: featscape models vit"
        )
    if as_json:
        typer.echo(as_safe_json({"models": [entry.to_json() for entry in found]}))
    else:
        show(
            network_report.describe_models(found)
            if pattern is None
            else network_report.describe_entries(found)
        )


def layers(model: ModelName, *, depth: Depth = None, as_json: AsJson = False) -> None:
    """Show the layers of a network, for map --layer.

    The list shows the shape of the output per image: c x h x w (in some networks h x w x c) for
    c channels, which --pool reduces to c features, and n x c for n tokens. Weights are not needed,
    and nothing is downloaded. With --json, the output is an object with the model, input_size_px,
    the default layer, and the layers.

    \b
    Examples:
      featscape layers resnet101
      featscape layers timm:vit_small_patch14_dinov2.lvd142m --depth 3
      featscape layers exported/net.onnx
    """
    from featscape.cli.screens import network_report
    from featscape.features import list_layers

    tree = list_layers(model)
    if as_json:
        typer.echo(as_safe_json(tree.to_json(depth=depth)))
    else:
        show(network_report.describe_layers(tree, depth=depth or 2))


def doctor(*, as_json: AsJson = False) -> None:
    """Check the installation of featscape.

    The command lists the installed libraries, the devices, the cache folders and the free space,
    and fits 100 points with the t-SNE engine. Each problem is shown with its remedy. The exit
    status is 1 if featscape cannot work. Nothing is downloaded.

    \b
    Examples:
      featscape doctor
      featscape doctor --json | jq .problems
    """
    from featscape.cli.screens import doctor_report
    from featscape.doctor import diagnose

    found = diagnose()
    if as_json:
        typer.echo(as_safe_json(found.to_json()))
    else:
        show(doctor_report.describe(found))
    if found.is_broken:
        raise typer.Exit(1)
