"""The modules that the pieces of deployed networks are (`space.pieces`), with fresh weights."""

from torch import Tensor, nn

from ..models import deploy
from ..models.layers import Shuffle
from ..models.network import InvertedResidual
from ..models.operations import build_operation
from ..space import STAGED_SITES, Layout, get_backbone, get_operation
from ..space.pieces import LEAD_CHANNELS, Piece


class LastStage(nn.Module):
    """The last stage and the classifier: (N, C, H, W) to (N, classes)."""

    def __init__(self, last_stage: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.last_stage, self.classifier = last_stage, classifier

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.last_stage(x).flatten(1))
        return scores


def piece_module(piece: Piece) -> nn.Module:
    """What is run of a piece: its deploy form behind its lead, in eval mode.

    Shapes: (N, `piece.read_channels`, S, S), S being `piece.side`, to those of the next piece, or the scores.
    """
    made = _stage(piece) if isinstance(piece.place, Layout) else _block(piece)
    if piece.shuffled:
        made = nn.Sequential(Shuffle(piece.in_channels, piece.shuffled), made)
    deployed = deploy(made.eval())
    # Behind folding, or the lead would take the shuffle.
    return nn.Sequential(lead_module(piece), deployed).eval() if piece.lead else deployed


def lead_module(piece: Piece) -> nn.Module:
    """(N, `piece.read_channels`, S, S) to (N, `piece.in_channels`, S, S)."""
    if piece.lead == "conv":
        return nn.Conv2d(LEAD_CHANNELS, piece.in_channels, 1).eval()
    return nn.ReLU()


def _block(piece: Piece) -> nn.Module:
    backbone, chosen = get_backbone(piece.backbone), dict(piece.operations)
    # An operation of which nothing is built there stands in for a site that is empty.
    absent = {"shortcut": "identity", "se": "none", "expand": backbone.operations["expand"][0]}
    names = {site: chosen.get(site) or absent[site] for site in STAGED_SITES}
    block = InvertedResidual(backbone, piece.place, names)  # type: ignore[arg-type]
    if piece.hands_on:
        assert isinstance(block.project, nn.Sequential)
        block.project = block.project[:-1]
    return block


def _stage(piece: Piece) -> nn.Module:
    backbone, ((site, name),) = get_backbone(piece.backbone), piece.operations
    operation = get_operation(site, name)
    built = build_operation(operation, backbone, piece.place)
    assert built is not None
    if operation.features is None:
        return built
    assert isinstance(piece.place, Layout)
    return LastStage(built, nn.Linear(operation.features(piece.place), piece.num_classes))
