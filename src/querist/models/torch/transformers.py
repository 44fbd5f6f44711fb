"""A sentence encoder that is trained further on your labels: its last layers, all of it, or low-rank additions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from querist.errors import BadValue, MissingExtra
from querist.models.encoders import open_encoder

WAYS: Final = ("full", "last", "lora")


def transformer(
    shape: Sequence[int],
    classes: int,
    *,
    model: str = "",
    length: int = 0,
    train: str = "last",
    layers: int = 2,
    rank: int = 8,
    dropout: float = 0.1,
) -> nn.Module:
    """Return a transformer with a linear head; for texts whose features are `tokens`, (windows, length) a row.

    Flat rows need the `length` of a window.

    `train`: `last` trains the last `layers` (0: the head alone), `full` everything, `lora` additions of that `rank` to
    queries and values. Dropout is before the head alone, so that draws of it cost one pass.

    Low-rank additions: Hu et al., LoRA, ICLR 2022. Dropout of the classifier alone: Shelmanov et al., EACL 2021.
    """
    if train not in WAYS:
        raise BadValue("train", train, f"must be one of {', '.join(WAYS)}", choices=WAYS)
    length = length or shape[-1]
    if shape[-1] % length or (len(shape) > 1 and length != shape[-1]):
        raise BadValue("length", length, f"the features have windows of {shape[-1]} tokens; leave it out")
    encoder: Any = open_encoder("sentence_transformers" if model else "minilm", {"model": model} if model else {})
    body = copy.deepcopy(encoder.model[0].auto_model)
    for part in body.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return FineTuned(_trainable(body, train, layers, rank), length, body.config.hidden_size, classes, dropout)


def _trainable(body: nn.Module, train: str, layers: int, rank: int) -> nn.Module:
    body.requires_grad_(train == "full")
    if train == "last":
        found = _layers(body)
        if not 0 <= layers <= len(found):
            raise BadValue("layers", layers, f"must be from 0, the head alone, to {len(found)}")
        for part in found[len(found) - layers :]:
            part.requires_grad_(True)
    if train == "lora":
        if rank < 1:
            raise BadValue("rank", rank, "must be at least 1")
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError:
            raise MissingExtra("train = 'lora'", "llm") from None
        names = sorted({name.rpartition(".")[2] for name, part in body.named_modules() if isinstance(part, nn.Linear)})
        wanted = [name for name in names if name in ("query", "value", "q_proj", "v_proj", "q_lin", "v_lin")]
        return inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=wanted), body)
    return body


def _layers(body: nn.Module) -> list[nn.Module]:
    """Return the layers of a transformer: its longest list of modules."""
    lists = [list(part) for part in body.modules() if isinstance(part, nn.ModuleList)]
    if not lists:
        raise BadValue("train", "last", "the network has no list of layers; use full or lora")
    return max(lists, key=len)


class FineTuned(nn.Module):
    """Token ids (b, windows, length), −1 where there is none → logits: the mean of tokens, then of windows."""

    def __init__(self, body: nn.Module, length: int, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.body, self.length = body, length
        self.drop, self.head = nn.Dropout(dropout), nn.Linear(width, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Return (b, classes)."""
        windows = ids.reshape(-1, self.length)
        mask = windows >= 0
        used = mask.any(dim=1)
        # Beyond the longest window of the batch there is nothing to attend to.
        longest = max(1, int(mask.sum(dim=1).max()))
        given, seen = windows[used][:, :longest], mask[used][:, :longest]
        states = self.body(input_ids=given.clamp_min(0), attention_mask=seen.long()).last_hidden_state
        share = seen[:, :, None].to(states.dtype)
        means = (states * share).sum(dim=1) / share.sum(dim=1)
        whole = means.new_zeros((len(windows), means.shape[1])).index_put((used,), means)
        count = used.reshape(len(ids), -1).sum(dim=1, keepdim=True).clamp_min(1)
        pooled = whole.reshape(len(ids), -1, means.shape[1]).sum(dim=1) / count
        return self.head(self.drop(torch.nn.functional.normalize(pooled, dim=1) * pooled.shape[1] ** 0.5))
