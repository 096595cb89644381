"""How good a listing is: what counts how much, and what scores add up to."""

from typing import Annotated

import msgspec

Weight = Annotated[float, msgspec.Meta(ge=0, le=1000)]


class QualityWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each part of a score counts beside the others; only their proportion matters."""

    completeness: Weight = 40
    freshness: Weight = 15
    salary: Weight = 15
    text: Weight = 15
    spam: Weight = 15


class Scores(msgspec.Struct, frozen=True):
    """The scores of some listings, added up."""

    listings: int = 0
    sum: int = 0

    def __add__(self, other: "Scores") -> "Scores":
        return Scores(self.listings + other.listings, self.sum + other.sum)

    @property
    def mean(self) -> float | None:
        """Their mean, 0 to 100 with one decimal; None where nothing was scored."""
        return round(self.sum / self.listings, 1) if self.listings else None
