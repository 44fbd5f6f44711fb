"""Estimators as bytes without pickle, through skops: the same fit gives the same bytes, and loading runs no code."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np

from querist.errors import BadValue, Damaged

KNOWN: Final = frozenset(
    {
        # Tables of nodes. skops leaves them to its caller because links that point outside crash; `_check_trees` looks.
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        # Plain containers of scikit-learn's own.
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        # Covariances of Gaussian processes: a few numbers each.
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
    }
)
"""Types that hold data only and are loaded although skops does not list them."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def dump(estimator: Any, trusted: Collection[str] = ()) -> bytes:
    """Return the estimator as the bytes of a .skops file.

    Raises:
        BadValue: it holds types that could not be loaded again: neither known to be safe nor trusted.
    """
    import skops.io

    data = skops.io.dumps(estimator)
    _refuse_unknown(data, trusted)
    return _repeatable(data)


def load(data: bytes, trusted: Collection[str] = ()) -> Any:
    """Return the estimator of a .skops file.

    Raises:
        BadValue: it holds types that are neither known to be safe nor trusted.
        Damaged: it is no .skops file, or its trees point outside of themselves.
    """
    import skops.io

    try:
        allowed = _refuse_unknown(data, trusted)
        estimator = skops.io.loads(data, trusted=allowed)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise Damaged(f"the estimator's file cannot be read: {error}") from error
    for part in _parts(estimator):
        _check_tree(part)
    return estimator


def _refuse_unknown(data: bytes, trusted: Collection[str]) -> list[str]:
    import skops.io

    found = skops.io.get_untrusted_types(data=data)
    unknown = sorted(set(found) - KNOWN - set(trusted))
    if unknown:
        listed = ", ".join(unknown)
        reason = "holds types that are not known to be safe; if you know where they come from, name them in the setting"
        raise BadValue("model", listed, f"{reason} trusted = {json.dumps(unknown)}", choices=unknown)
    return list(found)


def _repeatable(data: bytes) -> bytes:
    """Return the archive with its times and the addresses of its objects replaced by the order they come in."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents.pop("schema.json"))
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        if isinstance(node.get("__id__"), int):
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if node.get("file") in contents:
            old = node["file"]
            node["file"] = names.setdefault(old, f"{len(names) + 1}.{old.rpartition('.')[2]}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo("schema.json", _EPOCH), json.dumps(schema), zipfile.ZIP_DEFLATED)
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new, _EPOCH), contents[old], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(reversed(list(node.values())))
        elif isinstance(node, list):
            waiting.extend(reversed(node))


def _parts(estimator: Any) -> Iterator[Any]:
    """Yield every object inside an estimator once."""
    waiting, met = [estimator], set()
    while waiting:
        part = waiting.pop()
        if id(part) in met or isinstance(part, str | bytes | int | float | bool | None):
            continue
        met.add(id(part))
        yield part
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple | set):
            waiting.extend(part)
        elif isinstance(part, np.ndarray):
            waiting.extend(part.ravel().tolist() if part.dtype == object else ())
        elif type(part).__module__.startswith(("sklearn.", "querist.")) or hasattr(part, "get_params"):
            waiting.extend(getattr(part, "__dict__", {}).values())


def _check_tree(part: Any) -> None:
    """Refuse a table of nodes whose links lead outside of it, or back: prediction would read foreign memory."""
    kind = type(part).__name__
    if kind == "Tree":
        left, right, feature, width = part.children_left, part.children_right, part.feature, part.n_features
        leaf = left == -1
    elif kind == "TreePredictor":
        nodes = part.nodes
        left, right, feature, width = (
            nodes[name].astype(np.int64) for name in ("left", "right", "feature_idx", "left")
        )
        leaf, width = nodes["is_leaf"].astype(bool), 2**31
    else:
        return
    own, inner = np.arange(len(left)), ~leaf
    forwards = (left > own) & (right > own) & (left < len(left)) & (right < len(left))
    if len(left) == 0 or not np.all(forwards[inner]) or np.any((feature[inner] < 0) | (feature[inner] >= width)):
        raise Damaged(f"a {kind} of the model is damaged: its nodes point outside of it")
