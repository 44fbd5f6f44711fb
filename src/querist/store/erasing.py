"""What was made of an item's content, and has to be made anew when the content is erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from querist.events import DatasetFrozen, FeaturesBuilt, ModelTrained
from querist.store.protocol import Erased

if TYPE_CHECKING:
    from querist.store.protocol import Store
    from querist.types import Content, ItemId, ShortHash


def derived_from(store: Store, item: ItemId, row: int, content: Content | None) -> Erased:
    """Return features that hold the item's row, data sets that hold its id, and the models fitted on either."""
    features: dict[ShortHash, None] = {}
    datasets: dict[ShortHash, None] = {}
    models: dict[ShortHash, None] = {}
    for recorded in store.events(kinds=[FeaturesBuilt.kind, DatasetFrozen.kind, ModelTrained.kind]):
        match recorded.event:
            case FeaturesBuilt() as built if built.rows > row:
                features[built.features] = None
            case DatasetFrozen() as frozen if item in store.artefacts.get_table(frozen.rows, ["item"])["item"]:
                datasets[frozen.dataset] = None
            case ModelTrained() as trained if trained.features in features or trained.dataset in datasets:
                models[trained.model] = None
            case _:
                pass
    media = content.value.get("path") if content is not None and content.kind == "image" else None
    return Erased(item, media, tuple(features), tuple(datasets), tuple(models))
