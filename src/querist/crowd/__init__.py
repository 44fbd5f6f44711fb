"""Many people, one target: consensus of their answers, their skill, how far they agree."""

from querist.crowd import agreement
from querist.crowd.consensus import Consensus
from querist.crowd.crowdlab import active_lab, crowdlab
from querist.crowd.dawid_skene import dawid_skene
from querist.crowd.label_errors import LabelErrors, label_errors
from querist.crowd.majority import majority

__all__ = [
    "Consensus",
    "LabelErrors",
    "active_lab",
    "agreement",
    "crowdlab",
    "dawid_skene",
    "label_errors",
    "majority",
]
