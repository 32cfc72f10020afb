"""`trcaugment models`: the shipped models with their cards."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table


@click.command()
def models() -> None:
    """List the shipped models with their cards."""
    from trcaugment.errors import ModelError
    from trcaugment.markers import RATE_HZ, WINDOW_FRAMES
    from trcaugment.model.card import DEFAULT_MODEL, list_models, models_folder

    try:
        cards = list_models()
    except ModelError as error:
        raise click.ClickException(str(error)) from error
    console = Console(highlight=False)
    for card in cards:
        table = Table(title=card.name + (" (default)" if card.name == DEFAULT_MODEL else ""), show_header=False)
        table.title_justify = "left"
        table.add_column()
        table.add_column(overflow="fold")
        low, high = card.height_m
        lean, heavy = card.body_mass_index
        rows = {
            "what": card.description,
            "made": card.created,
            "in": f"{len(card.inputs)} keypoints ({card.input_set}): {', '.join(card.inputs)}",
            "out": f"{len(card.outputs)} markers ({card.output_set}): {', '.join(card.outputs)}",
            "windows": f"{WINDOW_FRAMES} frames at {RATE_HZ:g} Hz, one every {card.hop_frames}",
            "network": f"{card.sizes.hidden} LSTM units per direction, {card.sizes.n_layers} layers"
            + (" after the attention" if card.sizes.spatial_attention else ""),
            "trained on": "; ".join(card.training_data),
            "people": f"{low:g}-{high:g} m, body mass index {lean:g}-{heavy:g} kg/m²",
            "error": f"RMSE {1e3 * card.validation_mse**0.5:.1f} mm per m of height on generated people, with noise",
            "weights": f"SHA-256 {card.sha256}",
            "page": str(models_folder() / card.name / "README.md"),
        }
        for title, value in rows.items():
            table.add_row(title, value)
        console.print(table)
