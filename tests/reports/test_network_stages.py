"""A network as it is drawn: what sits where, what differs, and costs that add up."""

from dataclasses import replace

import pytest

from cheapsearch.reports.network_stages import network_stages
from cheapsearch.space import BACKBONES, PRESETS, Architecture, Cost


@pytest.mark.parametrize("name", BACKBONES)
def test_stages_have_the_shapes_of_the_layout_and_all_of_the_cost(name, part_costs) -> None:
    parts, plain = part_costs(name), Architecture(name)
    layout = BACKBONES[name].layout(1.0, 224)
    stem, *stages, last = network_stages(plain, parts)
    assert (stem.channels, stem.side, last.shape) == (layout.stem_channels, 112, "10 classes")
    assert sum(stage.blocks for stage in stages) == len(layout.blocks)
    assert (stages[-1].channels, stages[-1].side) == (layout.blocks[-1].out_channels, 7)
    every = [stem, *stages, last]
    assert Cost.total(stage.cost for stage in every) == parts.total(plain)
    assert not any(cell.instead_of for stage in every for cell in stage.cells.values())
    assert [stage.cost for stage in every] == [stage.unmodified for stage in every]


@pytest.mark.parametrize("name", PRESETS)
def test_cells_of_a_network_have_all_of_its_cost(name, part_costs) -> None:
    architecture = PRESETS[name]
    parts = part_costs(architecture.backbone, architecture.width)
    stages = network_stages(architecture, parts)
    # V2 has no squeeze-and-excitation: its costs are made up here, and drawn nowhere.
    unseen = [cost for (site, _), cost in parts.of(architecture).items() if site == "se"]
    cells = [cell for stage in stages for cell in stage.cells.values()]
    unseen = [] if any(cell.site == "se" for cell in cells) else unseen
    assert Cost.total([*unseen, *(cell.cost for cell in cells)]) == parts.total(architecture)
    usual = network_stages(Architecture(architecture.backbone, architecture.width), parts)
    assert [stage.unmodified for stage in stages] == [stage.cost for stage in usual]


def test_a_cell_differs_where_it_does_something_else(part_costs) -> None:
    # V2's blocks are 1, 2, 3, 4, 3, 3, 1 by stage; one of each keeps the stride or the channels of no other.
    network = replace(Architecture("mobilenet_v2"), shortcut="reuse", expand="reuse", project="conv_shuffle")
    _, *stages, last = network_stages(network, part_costs("mobilenet_v2"))
    # Channels change with stride 1 in the first block of stages 1, 5 and 7; elsewhere `conv` adds as it is.
    assert [bool(stage.cells["shortcut"].instead_of) for stage in stages] == [
        *(True, False, False, False, True, False, True)
    ]
    assert {stage.cells["expand"].instead_of for stage in stages} == {"conv"}
    # A stage of one block without stride 2 has no shortcut to speak of elsewhere.
    assert [stage.cells["shortcut"].blocks for stage in stages] == [1, 1, 2, 3, 3, 2, 1]
    assert not last.cells["last_stage"].instead_of


def test_what_is_not_built_is_not_there(part_costs) -> None:
    _, first, *rest, _ = network_stages(PRESETS["cheap_v3"], part_costs("mobilenet_v3_large_e6"))
    assert not first.cells["expand"].there  # its hidden channels are its input's
    gates = [row.squeeze_excitation for row in BACKBONES["mobilenet_v3_large_e6"].rows if row.stage > 1]
    assert sum(stage.cells["se"].blocks for stage in rest) == sum(gates)
